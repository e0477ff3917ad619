#include "link.h"

#include <chrono>
#include <curl/curl.h>
#include <utility>

namespace nuncio::http {

namespace {

    struct FreeList {
        void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
    };
    using Headers = std::unique_ptr<curl_slist, FreeList>;

    /// Takes what comes, up to a bound.
    struct Sink {
        std::string text {};
        std::size_t header_bytes = 0;
        std::size_t most = 0;
        bool is_too_long = false;
    };

    std::size_t take_body(char* data, std::size_t, std::size_t size, void* sink_pointer)
    {
        auto& sink = *static_cast<Sink*>(sink_pointer);
        if (size > sink.most - sink.text.size()) {
            sink.is_too_long = true;
            return 0; // ends the transfer
        }
        sink.text.append(data, size);
        return size;
    }

    std::size_t take_header(char*, std::size_t, std::size_t size, void* sink_pointer)
    {
        auto& sink = *static_cast<Sink*>(sink_pointer);
        sink.header_bytes += size;
        if (sink.header_bytes > sink.most) {
            sink.is_too_long = true;
            return 0;
        }
        return size;
    }

    long milliseconds(Duration duration)
    {
        return static_cast<long>(
            std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
    }

    bool append(Headers& headers, const std::string& line)
    {
        curl_slist* const longer = ::curl_slist_append(headers.get(), line.c_str());
        if (!longer)
            return false;
        (void)headers.release(); // the same list, or the first entry of it
        headers.reset(longer);
        return true;
    }

}

Library::Library()
{
    ::curl_global_init(CURL_GLOBAL_DEFAULT);
}

Library::~Library()
{
    ::curl_global_cleanup();
}

Result<std::unique_ptr<Link>> Link::create(const Settings& settings, std::string authorization)
{
    CURL* const handle = ::curl_easy_init();
    if (!handle)
        return Error { "libcurl cannot be used", Error::Kind::unavailable };
    return std::unique_ptr<Link>(new Link(handle, settings, std::move(authorization)));
}

Link::Link(CURL* handle, const Settings& settings, std::string authorization)
    : handle_(handle)
    , answer_bytes_(settings.answer_bytes.count)
    , authorization_(std::move(authorization))
{
    const auto set
        = [this](CURLoption option, auto value) { ::curl_easy_setopt(handle_, option, value); };
    set(CURLOPT_NOSIGNAL, 1L); // no alarm() in a thread
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L); // a password goes where the administrator said, not further
    set(CURLOPT_PROXY, ""); // nor through what the environment names
    set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(settings.connect_timeout));
    set(CURLOPT_TIMEOUT_MS, milliseconds(settings.request_timeout));
    set(CURLOPT_MAXCONNECTS, static_cast<long>(settings.urls.size()));
    set(CURLOPT_USERAGENT, "nuncio");

    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_CAINFO, settings.tls_ca_file.c_str());
    set(CURLOPT_CAPATH, nullptr); // libcurl's own default is another set of authorities
    if (!settings.tls_certificate.empty()) {
        set(CURLOPT_SSLCERT, settings.tls_certificate.c_str());
        set(CURLOPT_SSLKEY, settings.tls_key.c_str());
    }
    set(CURLOPT_WRITEFUNCTION, &take_body);
    set(CURLOPT_HEADERFUNCTION, &take_header);
}

Link::~Link()
{
    ::curl_easy_cleanup(handle_);
}

Result<Answer> Link::exchange(const Request& request)
{
    Sink sink { .most = answer_bytes_ };
    char trouble[CURL_ERROR_SIZE] = {};
    Headers headers;
    const std::string& own = request.authorization.empty() ? authorization_ : request.authorization;
    bool is_ready = append(headers, "Accept: application/json, text/plain, */*")
        // Some services never answer the question whether a body may come (RFC 9110 §10.1.1).
        && append(headers, "Expect:");
    if (!own.empty())
        is_ready = is_ready && append(headers, "Authorization: " + own);
    if (!request.content_type.empty())
        is_ready = is_ready && append(headers, "Content-Type: " + request.content_type);
    if (!is_ready)
        return Error { "out of memory", Error::Kind::unavailable };

    ::curl_easy_setopt(handle_, CURLOPT_ERRORBUFFER, trouble);
    ::curl_easy_setopt(handle_, CURLOPT_WRITEDATA, &sink);
    ::curl_easy_setopt(handle_, CURLOPT_HEADERDATA, &sink);
    ::curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, headers.get());
    ::curl_easy_setopt(handle_, CURLOPT_URL, request.url.c_str());
    if (request.is_post) {
        ::curl_easy_setopt(handle_, CURLOPT_POST, 1L);
        ::curl_easy_setopt(handle_, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
        ::curl_easy_setopt(handle_, CURLOPT_POSTFIELDS, request.body.c_str());
    } else {
        ::curl_easy_setopt(handle_, CURLOPT_HTTPGET, 1L);
    }
    // Over a connection that was kept libcurl sends again what got no answer.
    ::curl_easy_setopt(handle_, CURLOPT_FRESH_CONNECT, request.is_once ? 1L : 0L);
    const CURLcode code = ::curl_easy_perform(handle_);

    long status = 0;
    long connects = 0;
    long request_bytes = 0;
    ::curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
    ::curl_easy_getinfo(handle_, CURLINFO_NUM_CONNECTS, &connects);
    ::curl_easy_getinfo(handle_, CURLINFO_REQUEST_SIZE, &request_bytes);
    was_new_ = connects > 0;
    was_sent_ = request_bytes > 0;
    // What ends here must not be looked at again; the URL may have a password in it.
    ::curl_easy_setopt(handle_, CURLOPT_ERRORBUFFER, nullptr);
    ::curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, nullptr);
    ::curl_easy_setopt(handle_, CURLOPT_POSTFIELDS, nullptr);
    ::curl_easy_setopt(handle_, CURLOPT_URL, nullptr);
    if (sink.is_too_long)
        return Error { "answered more than " + std::to_string(answer_bytes_) + " bytes",
            Error::Kind::unavailable };
    if (code != CURLE_OK) {
        return Error { *trouble ? trouble : ::curl_easy_strerror(code), Error::Kind::unavailable };
    }
    return Answer { .status = status, .body = std::move(sink.text) };
}

}
