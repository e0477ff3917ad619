// nuncioctl lua …: check, try, test, list, reload, api.
#pragma once

#include "catalog.h"
#include "hooks.h"

#include <nuncio/context.h>

namespace nuncio::lua {

class Commands {
public:
    Commands(Common& common, const Settings& settings, Catalog& catalog, Hooks& hooks)
        : common_(common)
        , settings_(settings)
        , catalog_(catalog)
        , hooks_(hooks)
    {
    }
    void start();

private:
    /// A file that a command was given: a path, or a name in the folder.
    struct File {
        std::string name;
        std::string text;
    };
    Result<File> read(std::string_view file) const;
    /// Any thread.
    Result<Value> run_all(const std::vector<File>& files, const std::string& host) const;

    task<Result<Value>> list();
    task<Result<Value>> check(std::string file);
    task<Result<Value>> test(std::string file);
    task<Result<Value>> reload();
    task<Result<Value>> try_out(
        std::string file, std::string seconds, std::function<void(std::string_view)> progress);
    task<Result<Value>> api();

    /// Hands a generation to the loops, and waits until all have it.
    task<void> switch_policies(Catalog::Generation made);
    task<void> switch_trial(Catalog::Generation made);

    Common& common_;
    const Settings& settings_;
    Catalog& catalog_;
    Hooks& hooks_;
    bool is_trying_ = false;
};

}
