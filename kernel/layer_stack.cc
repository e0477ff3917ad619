#include "layer_stack.h"

#include "loop.h"

namespace nuncio::kernel {

namespace {

    /// A string of the loop's pool for as long as a block.
    class Borrowed {
    public:
        explicit Borrowed(KernelLoop& loop)
            : loop_(loop)
            , text(loop.take_buffer())
        {
        }
        Borrowed(const Borrowed&) = delete;
        Borrowed& operator=(const Borrowed&) = delete;
        ~Borrowed() { loop_.give_buffer(std::move(text)); }

    private:
        KernelLoop& loop_;

    public:
        std::string text;
    };

}

Result<void> LayerStack::decode(
    KernelLoop& loop, std::string_view wire, std::string& plain, std::string& answer)
{
    Borrowed input(loop);
    Borrowed layers_answer(loop);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        if (i > 0) {
            std::swap(input.text, plain);
            wire = input.text;
        }
        plain.clear();
        layers_answer.text.clear();
        const auto decoded = layers_[i]->decode(wire, plain, layers_answer.text);
        if (!layers_answer.text.empty()) {
            const auto encoded = encode_below(loop, i, layers_answer.text, answer);
            if (decoded && !encoded)
                return encoded;
        }
        if (!decoded)
            return decoded;
    }
    return {};
}

Result<void> LayerStack::encode(KernelLoop& loop, std::string_view plain, std::string& wire)
{
    return encode_below(loop, layers_.size(), plain, wire);
}

Result<void> LayerStack::encode_below(
    KernelLoop& loop, std::size_t count, std::string_view plain, std::string& wire)
{
    if (count == 0) {
        wire.append(plain);
        return {};
    }
    if (count == 1)
        return layers_.front()->encode(plain, wire);
    Borrowed encoded(loop);
    if (const auto done = layers_[count - 1]->encode(plain, encoded.text); !done)
        return done;
    return encode_below(loop, count - 1, encoded.text, wire);
}

}
