// Storage with moods.
#include "torture_storage.h"

namespace nuncio::tool {

void TortureStorage::execute(std::vector<StorageOp> batch, Done done)
{
    switch (mood_) {
    case Mood::willing:
        return real_.execute(std::move(batch), std::move(done));
    case Mood::failing:
        return done(Error { "the torture's storage fails", Error::Kind::unavailable });
    case Mood::slow:
        held_.push_back({ std::move(batch), std::move(done) });
    }
}

void TortureStorage::set_mood(Mood mood)
{
    mood_ = mood;
    while (mood_ != Mood::slow && !held_.empty()) {
        Held first = std::move(held_.front());
        held_.pop_front();
        real_.execute(std::move(first.batch), std::move(first.done));
    }
}

}
