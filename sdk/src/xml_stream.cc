// The stream tokenizer: phases of a stream, and elements that arrive in pieces.
#include "xml_parser.h"
#include "xml_scan.h"

#include <nuncio/xml_stream.h>

#include <algorithm>
#include <cstring>

namespace nuncio::inline v1 {

namespace {

    /// An element of which only a part has arrived: all its bytes so far, and how far they are
    /// read.
    struct Partial {
        XmlParser parser;
        std::unique_ptr<char[]> bytes;
        std::size_t size = 0;
        std::size_t room = 0;
        std::uint64_t moved = 0;

        /// `seen` is what the parser has read.
        Partial(XmlParser begun, std::string_view seen)
            : parser(std::move(begun))
        {
            grow(seen, seen.size());
        }
        void append(std::string_view more)
        {
            if (room - size < more.size())
                grow({ bytes.get(), size }, more.size());
            std::copy_n(more.data(), more.size(), bytes.get() + size);
            size += more.size();
            moved += more.size();
        }

    private:
        void grow(std::string_view seen, std::size_t more)
        {
            room = std::max(seen.size() + more, room * 2);
            std::unique_ptr<char[]> larger(new char[room]);
            std::copy_n(seen.data(), seen.size(), larger.get());
            parser.move_bytes(larger.get(), seen.size());
            bytes = std::move(larger);
            size = seen.size();
            moved += size;
        }
    };

    // What follows the element in the input is copied in vain, so not much is taken at once.
    constexpr std::size_t piece = 4096;

}

struct XmlStream::State {
    enum class Phase : std::uint8_t { header, stanzas, closing, ended, failed };

    explicit State(const XmlLimits& wanted)
        : limits(wanted)
        , context(&XmlContext::none())
    {
    }

    Event read(std::string_view& input);
    Event read_whole(std::string_view& input);
    Event read_piece(std::string_view& input);
    Event finish(XmlParser& parser, XmlParser::Outcome outcome);
    Event fail(XmlError::Kind kind, const char* text, std::uint64_t where);
    XmlParser make_parser() const;

    XmlLimits limits;
    XmlContextOwner context;
    std::unique_ptr<Partial> partial;
    std::unique_ptr<XmlError> error;
    Element element;
    std::uint64_t offset
        = 0; // of the element being read or expected, from the first byte ever given
    std::uint64_t work = 0; // of elements that are complete
    Phase phase = Phase::header;
    bool single = false; // no header, no end
    bool space_first = false; // white space stood before the header
    bool restarted = false;
};

XmlParser XmlStream::State::make_parser() const
{
    using What = XmlParser::What;
    if (phase != Phase::header)
        return XmlParser(single ? What::alone : What::element, limits, *context);
    XmlParser parser(What::header, limits, XmlContext::none());
    // After a restart, white space before the header may still belong to the stream before it.
    if (space_first && !restarted)
        parser.refuse_declaration();
    return parser;
}

XmlStream::Event XmlStream::State::fail(XmlError::Kind kind, const char* text, std::uint64_t where)
{
    phase = Phase::failed;
    partial.reset();
    error = std::make_unique<XmlError>(XmlError { kind, text, where });
    return Event::error;
}

XmlStream::Event XmlStream::State::read(std::string_view& input)
{
    if (phase == Phase::failed)
        return Event::error;
    if (phase == Phase::closing) {
        phase = Phase::ended;
        return Event::end;
    }
    if (partial)
        return read_piece(input);
    const char* const start = input.data();
    const char* const end = start + input.size();
    const char* const at = xml::skip_space(start, end);
    space_first = space_first || at != start;
    input.remove_prefix(static_cast<std::size_t>(at - start));
    offset += static_cast<std::uint64_t>(at - start);
    if (input.empty())
        return Event::need_more;
    if (phase == Phase::ended)
        return fail(XmlError::Kind::not_well_formed, "data after the end of the stream", offset);
    if (phase == Phase::stanzas && *at != '<')
        return fail(XmlError::Kind::not_well_formed, "text between stanzas", offset);
    return read_whole(input);
}

/// The usual case: the whole element lies in the input, and is parsed there.
XmlStream::Event XmlStream::State::read_whole(std::string_view& input)
{
    auto parser = make_parser();
    const auto outcome = parser.run(input.data(), input.size());
    if (outcome == XmlParser::Outcome::need_more) {
        partial = std::make_unique<Partial>(std::move(parser), input);
        input = {};
        return Event::need_more;
    }
    const auto size = parser.consumed();
    const auto event = finish(parser, outcome);
    if (event != Event::error)
        input.remove_prefix(size);
    return event;
}

XmlStream::Event XmlStream::State::read_piece(std::string_view& input)
{
    while (!input.empty()) {
        const auto before = partial->size;
        const auto taken = input.substr(0, piece);
        partial->append(taken);
        const auto outcome = partial->parser.run(partial->bytes.get(), partial->size);
        if (outcome == XmlParser::Outcome::need_more) {
            input.remove_prefix(taken.size());
            continue;
        }
        const auto finished = std::move(partial);
        work += finished->moved;
        const auto size = finished->parser.consumed();
        const auto event = finish(finished->parser, outcome);
        if (event != Event::error)
            input.remove_prefix(size - before);
        return event;
    }
    return Event::need_more;
}

XmlStream::Event XmlStream::State::finish(XmlParser& parser, XmlParser::Outcome outcome)
{
    work += parser.work();
    if (outcome == XmlParser::Outcome::failed)
        return fail(parser.error_kind(), parser.error_text(), offset + parser.error_offset());
    offset += parser.consumed();
    if (outcome == XmlParser::Outcome::stream_end) {
        phase = Phase::ended;
        return Event::end;
    }
    element = parser.take();
    if (phase != Phase::header)
        return Event::stanza;
    context = make_context(parser.header_context());
    phase = parser.is_closed_header() ? Phase::closing : Phase::stanzas;
    return Event::header;
}

// ---- XmlStream ----

XmlStream::XmlStream(const XmlLimits& limits)
    : state_(std::make_unique<State>(limits))
{
}

XmlStream::XmlStream(XmlStream&&) noexcept = default;
XmlStream& XmlStream::operator=(XmlStream&&) noexcept = default;
XmlStream::~XmlStream() = default;

XmlStream::Event XmlStream::next(std::string_view& input)
{
    return state_->read(input);
}

Element XmlStream::take()
{
    return std::move(state_->element);
}

const XmlError& XmlStream::error() const
{
    static const XmlError none;
    return state_->error ? *state_->error : none;
}

std::string_view XmlStream::default_ns() const
{
    return state_->context->default_ns;
}

void XmlStream::restart()
{
    auto& state = *state_;
    state.partial.reset();
    state.error.reset();
    state.element = {};
    state.context.reset(&XmlContext::none());
    state.phase = state.single ? State::Phase::stanzas : State::Phase::header;
    state.space_first = false;
    state.restarted = true;
}

void XmlStream::expect_single_elements()
{
    state_->single = true;
    restart();
}

void XmlStream::set_limits(const XmlLimits& limits)
{
    state_->limits = limits;
}

std::size_t XmlStream::memory() const
{
    auto& state = *state_;
    auto sum = sizeof(State) + state.context->memory() + state.element.arena().capacity();
    if (state.partial)
        sum += sizeof(Partial) + state.partial->room + state.partial->parser.memory();
    if (state.error)
        sum += sizeof(XmlError) + state.error->text.capacity();
    return sum;
}

std::uint64_t XmlStream::work() const
{
    const auto* partial = state_->partial.get();
    return state_->work + (partial ? partial->moved + partial->parser.work() : 0);
}

}
