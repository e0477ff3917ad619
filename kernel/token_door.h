// The host's keeper of login tokens (XEP-0484), whatever plugin that is when it is asked.
#pragma once

#include <nuncio/login_tokens.h>

namespace nuncio::kernel {

class VirtualHost;

/// As LoginTokens. While its plugin hands over to its next generation, questions wait.
class TokenDoor {
public:
    explicit TokenDoor(VirtualHost& host)
        : host_(host)
    {
    }

    /// Whether anybody keeps tokens. The calling loop's view.
    bool is_open() const;
    task<Result<std::vector<LoginToken>>> find(LoginClient client, std::string mechanism) const;
    task<Result<bool>> use(LoginClient client, std::string id, LoginTokenUse use) const;
    task<Result<IssuedToken>> issue(LoginClient client, NewLoginToken wanted) const;

private:
    VirtualHost& host_;
};

}
