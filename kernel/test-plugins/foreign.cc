// Built for another ABI; running any of its code would end the test.
#include <nuncio/note.h>

#include <cstdlib>

namespace {

struct Trap {
    Trap() { std::abort(); }
} trap;

}

extern "C" {
__attribute__((section(".note.nuncio"), used, aligned(4))) extern const auto nuncio_note
    = ::nuncio::detail::Note { "abi=99\n"
                               "toolchain=" NUNCIO_DETAIL_TOOLCHAIN "\n"
                               "name=foreign\nversion=7\nsummary=From elsewhere\n" };
}
