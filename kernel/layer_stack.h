// The layers of a connection, in order: TLS at the bottom, compression on top of it.
#pragma once

#include "connection.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel {

class LayerStack {
public:
    bool is_empty() const { return layers_.empty(); }
    void push(std::unique_ptr<StreamLayer> layer) { layers_.push_back(std::move(layer)); }

    /// From the bottom up. `plain` is replaced; `answer` is what must be written, also when this
    /// fails (a TLS alert).
    Result<void> decode(
        KernelLoop& loop, std::string_view wire, std::string& plain, std::string& answer);
    /// From the top down; appends to `wire`.
    Result<void> encode(KernelLoop& loop, std::string_view plain, std::string& wire);

private:
    Result<void> encode_below(
        KernelLoop& loop, std::size_t count, std::string_view plain, std::string& wire);
    std::vector<std::unique_ptr<StreamLayer>> layers_;
};

}
