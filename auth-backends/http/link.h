// A thread's line to the web service: libcurl with a bound on everything.
#pragma once

#include "protocol.h"
#include "settings.h"

#include <nuncio/result.h>

#include <cstdint>
#include <memory>
#include <string>

typedef void CURL;

namespace nuncio::http {

/// What libcurl needs once for the whole process; its own count says when it is the last.
class Library {
public:
    Library();
    ~Library();
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;
};

/// One request at a time; its connections (one for each address) are kept for the next one. Blocks,
/// but for `request_timeout` at most. Used by one thread at a time.
class Link {
public:
    /// Nothing is connected yet. `authorization` goes with each request that has none of its own.
    static Result<std::unique_ptr<Link>> create(
        const Settings& settings, std::string authorization);
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    /// What was answered, whatever that is. An Error (`unavailable`) when there was no whole
    /// answer; its text has nothing of the request in it but the host.
    Result<Answer> exchange(const Request& request);

    /// Of the last exchange: the service may have got the request.
    bool was_sent() const { return was_sent_; }
    /// Of the last exchange: it took a new connection.
    bool was_new() const { return was_new_; }

private:
    Link(CURL* handle, const Settings& settings, std::string authorization);

    CURL* const handle_;
    const std::size_t answer_bytes_;
    const std::string authorization_;
    bool was_sent_ = false;
    bool was_new_ = false;
};

}
