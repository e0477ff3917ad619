// nuncioctl lua try: a script judges what is going on, and nothing of it is carried out.
#include "commands.h"

namespace nuncio::lua {

namespace {

    /// Lines from all loops, collected on the loop of whoever asked.
    struct Report {
        std::vector<std::string> lines;
        std::function<void(std::string_view)> progress;
        std::uint32_t most = 0;
        std::uint64_t count = 0;
        std::uint64_t acts = 0;
        Completion<bool> full;

        void add(Told told, std::string line)
        {
            acts += told == Told::act;
            if (++count > most)
                return;
            if (progress)
                progress(line);
            else
                lines.push_back(std::move(line));
            if (count == most)
                full.resolve(true);
        }
    };

}

task<void> Commands::switch_trial(Catalog::Generation made)
{
    std::vector<Completion<bool>> switched(common_.context.host().loop_count());
    for (std::size_t i = 0; i < switched.size(); ++i)
        common_.context.host().loop(i).post(
            [this, i, fresh = made.empty() ? nullptr : std::move(made[i]),
                done = switched[i]]() mutable {
                hooks_.trial(i) = std::move(fresh);
                done.resolve(true);
            });
    for (const auto& done : switched)
        co_await done;
}

task<Result<Value>> Commands::try_out(
    std::string file, std::string length, std::function<void(std::string_view)> progress)
{
    Duration patience {};
    if (auto read = detail::read_value(Value(length), patience); !read)
        co_return Error { "for: " + read.error().text };
    if (patience > settings_.try_time)
        co_return Error { "for: longer than the option try_time permits", Error::Kind::limit };
    if (is_trying_)
        co_return Error { "another trial is under way on this host", Error::Kind::conflict };
    const auto read_file = read(file);
    if (!read_file)
        co_return read_file.error();

    auto report = std::make_shared<Report>(); // shared: with the loops
    report->most = settings_.try_lines;
    report->progress = std::move(progress);
    Loop& mine = *Loop::current();
    auto made = catalog_.build_trial(
        read_file->name, read_file->text, [report, &mine](Told kind, std::string line) {
            mine.post([report, kind, line = std::move(line)]() mutable {
                report->add(kind, std::move(line));
            });
        });
    if (!made)
        co_return made.error();

    is_trying_ = true;
    const auto record = made->front()->scripts().front().record;
    co_await switch_trial(std::move(*made));
    const Timer end = mine.after(patience, [report] {
        if (!report->full.is_resolved())
            report->full.resolve(true);
    });
    co_await report->full;
    co_await switch_trial({});
    is_trying_ = false;

    Value told;
    told["judged"] = record->calls.load() + record->failures.load();
    told["would_act"] = report->acts;
    told["failures"] = record->failures.load();
    if (!report->lines.empty())
        told["lines"] = Value::Array(report->lines.begin(), report->lines.end());
    co_return told;
}

}
