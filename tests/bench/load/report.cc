#include "report.h"

#include "clock.h"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

namespace nuncio::bench {

namespace {

    using Json = nlohmann::ordered_json;

    constexpr std::size_t most_errors = 5;

    double microseconds(std::uint64_t ns)
    {
        return static_cast<double>(ns) / 1000;
    }

    double rounded(double value)
    {
        return std::round(value * 1000) / 1000;
    }

    double kb_per_session(std::uint64_t before, std::uint64_t with, std::uint32_t sessions)
    {
        return (static_cast<double>(with) - static_cast<double>(before)) / sessions;
    }

    Json to_json(
        const Report& report, const Meter& meter, const Histogram& latency, const Options& options)
    {
        Json json;
        json["label"] = options.label;
        json["scenario"] = report.scenario;
        json["ok"] = report.is_good();
        json["transport"] = name_of(options.transport);
        json["mechanism"] = name_of(options.mechanism);
        json["sessions"] = report.sessions;
        json["window"] = options.window;
        json["rate"] = options.rate;
        json["unit"] = report.unit;
        json["units"] = report.units;
        json["units_in_all"] = report.units_in_all;
        json["seconds"] = rounded(meter.seconds());
        if (meter.seconds() > 0)
            json["per_second"] = rounded(static_cast<double>(report.units) / meter.seconds());
        if (latency.count() != 0) {
            json["latency_us"] = { { "p50", microseconds(latency.percentile(0.5)) },
                { "p99", microseconds(latency.percentile(0.99)) },
                { "max", microseconds(latency.max()) } };
        }
        if (report.units != 0) {
            const auto units = static_cast<double>(report.units);
            if (meter.has_server())
                json["server_cpu_us"] = rounded(meter.server_cpu() * 1e6 / units);
            json["client_cpu_us"] = rounded(meter.own_cpu() * 1e6 / units);
        }
        if (meter.seconds() > 0) {
            if (meter.has_server())
                json["server_cores"] = rounded(meter.server_cpu() / meter.seconds());
            json["client_cores"] = rounded(meter.own_cpu() / meter.seconds());
            json["other_cores"] = rounded(meter.other_cpu() / meter.seconds());
        }
        if (report.has_memory) {
            const auto& before = report.memory_before;
            const auto& with = report.memory_with_sessions;
            json["rss_kb"] = with.rss_kb;
            json["pss_kb"] = with.pss_kb;
            json["rss_kb_before"] = before.rss_kb;
            if (report.sessions != 0)
                json["rss_kb_per_session"]
                    = rounded(kb_per_session(before.rss_kb, with.rss_kb, report.sessions));
        }
        json["faults"] = { { "lost", report.faults.lost }, { "repeated", report.faults.repeated },
            { "reordered", report.faults.reordered },
            { "wrong_sender", report.faults.wrong_sender },
            { "stanza_errors", report.faults.stanza_errors } };
        json["error_count"] = report.error_count;
        json["errors"] = report.errors;
        json["yardstick_us"] = rounded(meter.yardstick());
        return json;
    }

    void print(const Json& json)
    {
        std::printf("%s %s, %u sessions: %llu %s in %.2f s = %.0f/s\n",
            json["scenario"].get<std::string>().c_str(),
            json["transport"].get<std::string>().c_str(), json["sessions"].get<unsigned>(),
            json["units"].get<unsigned long long>(), json["unit"].get<std::string>().c_str(),
            json["seconds"].get<double>(), json.value("per_second", 0.0));
        if (json.contains("latency_us")) {
            const auto& latency = json["latency_us"];
            std::printf("  latency      p50 %.3f ms, p99 %.3f ms, max %.3f ms\n",
                latency["p50"].get<double>() / 1000, latency["p99"].get<double>() / 1000,
                latency["max"].get<double>() / 1000);
        }
        if (json.contains("server_cpu_us"))
            std::printf("  server CPU   %.2f us each (%.2f cores)\n",
                json["server_cpu_us"].get<double>(), json.value("server_cores", 0.0));
        if (json.contains("client_cpu_us"))
            std::printf(
                "  client CPU   %.2f us each (%.2f cores; others %.2f, yardstick %.0f us)\n",
                json["client_cpu_us"].get<double>(), json.value("client_cores", 0.0),
                json.value("other_cores", 0.0), json["yardstick_us"].get<double>());
        if (json.contains("rss_kb"))
            std::printf("  server RSS   %llu kB (PSS %llu kB), %.2f kB per session\n",
                json["rss_kb"].get<unsigned long long>(), json["pss_kb"].get<unsigned long long>(),
                json.value("rss_kb_per_session", 0.0));
        if (json["ok"].get<bool>())
            return;
        const auto& faults = json["faults"];
        std::printf(
            "  FAILED       %llu lost, %llu repeated, %llu reordered, %llu from the wrong sender, "
            "%llu stanza errors, %llu errors\n",
            faults["lost"].get<unsigned long long>(), faults["repeated"].get<unsigned long long>(),
            faults["reordered"].get<unsigned long long>(),
            faults["wrong_sender"].get<unsigned long long>(),
            faults["stanza_errors"].get<unsigned long long>(),
            json["error_count"].get<unsigned long long>());
        for (const auto& error : json["errors"])
            std::printf("               %s\n", error.get<std::string>().c_str());
    }

}

void Meter::begin()
{
    yardstick_ = yardstick_us();
    started_ = now_ns();
    if (has_server())
        before_ = usage_of_tree(server_);
    machine_before_ = machine_cpu_seconds();
    own_before_ = own_cpu_seconds();
}

void Meter::end()
{
    own_after_ = own_cpu_seconds();
    machine_after_ = machine_cpu_seconds();
    if (has_server())
        after_ = usage_of_tree(server_);
    seconds_ = to_seconds(now_ns() - started_);
    yardstick_ = (yardstick_ + yardstick_us()) / 2;
}

void Report::add_error(std::string_view text)
{
    ++error_count;
    if (errors.size() < most_errors)
        errors.emplace_back(text);
}

int publish(
    const Report& report, const Meter& meter, const Histogram& latency, const Options& options)
{
    const auto json = to_json(report, meter, latency, options);
    print(json);
    if (!options.json.empty()) {
        std::ofstream file(options.json, std::ios::app);
        file << json.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
        if (!file.flush()) {
            std::cerr << "cannot write " << options.json << '\n';
            return 2;
        }
    }
    return report.is_good() ? 0 : 1;
}

}
