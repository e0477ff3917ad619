// Slots: what plugins hang on a session or an account, owned by the kernel.
#include <nuncio/session.h>

#include <algorithm>
#include <cassert>

namespace nuncio::inline v1::detail {

Slots::~Slots()
{
    // Newest first, and taken out before it is destroyed: a value's destructor may ask for another.
    while (!values_.empty()) {
        const Value last = values_.back();
        values_.pop_back();
        last.destroy(last.value);
    }
}

void* Slots::find(std::uint32_t index) const
{
    for (const Value& value : values_)
        if (value.index == index)
            return value.value;
    return nullptr;
}

void Slots::set(std::uint32_t index, void* value, void (*destroy)(void*))
{
    assert(value && destroy);
    clear(index);
    values_.push_back({ index, value, destroy });
}

void Slots::clear(std::uint32_t index)
{
    const auto at = std::ranges::find(values_, index, &Value::index);
    if (at == values_.end())
        return;
    const Value old = *at;
    values_.erase(at);
    old.destroy(old.value);
}

}
