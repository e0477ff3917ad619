#include <nuncio/roster.h>

namespace nuncio::inline v1 {

RosterService::~RosterService() = default;

task<bool> may_see_presence(RosterService* roster, AccountRef account, Jid asker)
{
    if (asker.view().bare() == account->jid())
        co_return true;
    if (!roster)
        co_return false;
    const auto contacts = co_await roster->get(account);
    co_return contacts && (*contacts)->is_subscribed(asker);
}

}
