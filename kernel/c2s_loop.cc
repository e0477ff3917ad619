#include "c2s_loop.h"

#include "c2s_parts.h"
#include "c2s_stream.h"
#include "loop.h"
#include "server.h"

#include <algorithm>

namespace nuncio::kernel {

C2sLoop::C2sLoop(C2sParts& parts, KernelLoop& loop)
    : parts_(parts)
    , loop_(loop)
{
}

C2sLoop::~C2sLoop()
{
    while (C2sStream* stream = first_) {
        remove(*stream);
        delete stream;
    }
}

void C2sLoop::add(C2sStream& stream)
{
    stream.next_ = first_;
    stream.previous_ = nullptr;
    if (first_)
        first_->previous_ = &stream;
    first_ = &stream;
    stream.is_listed_ = true;
    if (!sweep_.is_active())
        arm_sweep();
}

void C2sLoop::remove(C2sStream& stream)
{
    if (!stream.is_listed_)
        return;
    stream.is_listed_ = false;
    if (next_to_sweep_ == &stream)
        next_to_sweep_ = stream.next_;
    if (stream.next_)
        stream.next_->previous_ = stream.previous_;
    (stream.previous_ ? stream.previous_->next_ : first_) = stream.next_;
    if (!first_)
        sweep_.cancel();
}

void C2sLoop::shut_down()
{
    is_shutting_down_ = true;
    for (C2sStream* stream = first_; stream; stream = next_to_sweep_) {
        next_to_sweep_ = stream->next_;
        stream->shut_down();
    }
}

void C2sLoop::end_streams_of(VirtualHost& host)
{
    for (C2sStream* stream = first_; stream; stream = next_to_sweep_) {
        next_to_sweep_ = stream->next_;
        if (stream->host() == &host)
            stream->end_with_host();
    }
    next_to_sweep_ = nullptr;
}

void C2sLoop::arm_sweep()
{
    // One timer for all streams: none of them pays for its own, and none is re-armed by traffic.
    const Duration idle_time = parts_.server.settings().limits.idle_time;
    const Duration pause = idle_time > 0s ? std::max<Duration>(idle_time / 8, 1s) : 60s;
    sweep_ = loop_.after(pause, [this] { sweep(); });
}

void C2sLoop::sweep()
{
    const Duration idle_time = parts_.server.settings().limits.idle_time;
    if (idle_time > 0s)
        for (C2sStream* stream = first_; stream; stream = next_to_sweep_) {
            next_to_sweep_ = stream->next_;
            stream->check_silence(loop_.now(), idle_time);
        }
    next_to_sweep_ = nullptr;
    if (first_)
        arm_sweep();
}

}
