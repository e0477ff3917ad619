---@meta
-- What nuncio offers to policies, for editors with the Lua language server (LuaLS). Not loaded by the server.

---@class Element A part of a stanza, readable while the handler runs and the stanza is not changed.
---@field name string
---@field ns string
---@field text string? its direct text
local Element = {}
---@param name string
---@param ns? string of the attribute
---@return string?
function Element:attr(name, ns) end
---The first child with this name (nil: any), in this namespace (nil: any).
---@param name? string
---@param ns? string
---@return Element?
function Element:child(name, ns) end
---@return Element[]
function Element:children() end

---@class Stanza A message, presence or iq. Setting a field or calling add, remove or set_text changes a copy,
---which goes on in place of the original when the handler passes it.
---@field kind "message"|"presence"|"iq"
---@field type string? settable; a message without a type is "normal"
---@field id string? settable
---@field lang string? settable
---@field body string? settable; nil removes it
---@field subject string? settable
---@field to string?
---@field to_bare string?
---@field to_user string?
---@field to_domain string?
---@field to_resource string?
---@field from string?
---@field from_bare string?
---@field from_user string?
---@field from_domain string?
---@field from_resource string?
local Stanza = {}
---@param name? string
---@param ns? string
---@return boolean
function Stanza:has(name, ns) end
---@param name? string
---@param ns? string
---@return Element?
function Stanza:child(name, ns) end
---@return Element[]
function Stanza:children() end
---The text of the first child with this name.
---@param name string
---@param ns? string
---@return string?
function Stanza:text(name, ns) end
---Replaces all children with this name by one with this text; nil removes them.
---@param name string
---@param ns string?
---@param text string?
function Stanza:set_text(name, ns, text) end
---Removes all children with this name; answers how many.
---@param name string
---@param ns? string
---@return integer
function Stanza:remove(name, ns) end
---Appends one element, given as XML.
---@param xml string
function Stanza:add(xml) end
---@return string
function Stanza:xml() end

---@class Event What is known besides the stanza.
---@field jid string? of the session, or of the account that is to be
---@field user string? at a login: as claimed
---@field address string? of the peer
---@field mechanism string? at a login
---@field encrypted boolean
local Event = {}
---At a registration: a field of the form that the client sent.
---@param name string
---@return string?
function Event:field(name) end

---@class Verdict

---@return Verdict
function pass() end
---Takes the stanza off its way, silently.
---@param reason? string for `nuncioctl lua try`
---@return Verdict
function drop(reason) end
---Answers with an error (RFC 6120 §8.3.3). At a login or registration: refuses. At session.open: closes.
---@param condition string such as "policy-violation"
---@param text? string for the human at the other end
---@return Verdict
function bounce(condition, text) end
---Sends this stanza back to the sender, in place of the sender's own.
---@param stanza Stanza `to`, `from` and `id` are filled in
---@return Verdict
function reply(stanza) end
---Sends the stanza to somebody else. In .in events anywhere, in .delivered ones within the host.
---@param jid string
---@return Verdict
function redirect(jid) end
---Sends a stanza once the handler has ended well. Without `from` it comes from the host.
---@param stanza Stanza
function send(stanza) end

---@class Fields
---@field to? string
---@field from? string
---@field type? string
---@field id? string
---@field body? string
---@field subject? string
---@field xml? string one element more

---@param fields Fields
---@return Stanza
function message(fields) end
---@param fields Fields
---@return Stanza
function presence(fields) end
---@param fields Fields
---@return Stanza
function iq(fields) end

---Declares the script. on_error: what becomes of what it failed to judge.
---@param declaration { summary?: string, on_error?: "pass"|"refuse" }
function policy(declaration) end

---@class Option
---@field type "boolean"|"integer"|"number"|"string"|"duration"|"list"
---@field default any
---@field doc? string
---@field min? number
---@field max? number
---@field choices? string[]

---Declares options; answers their values. Durations are seconds.
---@param options table<string, Option>
---@return table<string, any>
function config(options) end

---@alias EventName
---| "message.in" | "presence.in" | "subscription.in" | "iq.in" | "stanza.in"
---| "message.routed" | "presence.routed" | "subscription.routed" | "iq.routed" | "stanza.routed"
---| "message.delivered" | "presence.delivered" | "subscription.delivered" | "iq.delivered" | "stanza.delivered"
---| "session.open" | "session.close" | "login" | "registration"

---Registers a handler. Stanza events call it with (stanza, event), the others with (event).
---@param event EventName
---@param options { host?: string, stage?: "early"|"normal"|"late", priority?: integer }
---@param handler fun(stanza: Stanza, event: Event): Verdict?
---@overload fun(event: EventName, handler: fun(stanza: Stanza, event: Event): Verdict?)
---@overload fun(event: EventName, handler: fun(event: Event): Verdict?)
function on(event, options, handler) end

---A module of the folder of scripts, while the script loads.
---@param name string
---@return any
function require(name) end

---@class Request

---Waits for a request. The stanza waits, too, and those behind it; the server does not.
---@param request Request
---@return any answer
---@return string? error
function await(request) end
---@param seconds number
---@return Request
function sleep(seconds) end

store = {}
---@param owner string such as an address
---@param key string
---@return Request
function store.get(owner, key) end
---@param owner string
---@param key string
---@param value any plain data
---@return Request
function store.put(owner, key, value) end
---@param owner string
---@param key string
---@return Request
function store.remove(owner, key) end
---All keys of the owner with their values.
---@param owner string
---@return Request
function store.list(owner) end

---Counters and small values that all loops of the host see. In memory; they expire (an hour, unless given).
shared = {}
---@param key string
---@param amount? integer
---@param seconds? number
---@return integer
function shared.add(key, amount, seconds) end
---@param key string
---@return string|number|boolean|nil
function shared.get(key) end
---@param key string
---@param value string|number|boolean|nil
---@param seconds? number
function shared.set(key, value, seconds) end
---True the first time.
---@param key string
---@param seconds? number
---@return boolean
function shared.once(key, seconds) end

---Functions of plugins: `await(plugins.roster.subscription(user, contact))`; see `nuncioctl lua api`.
---@type table<string, table<string, fun(...): Request>>
plugins = {}

log = {}
---@param ... any
function log.debug(...) end
---@param ... any
function log.info(...) end
---@param ... any
function log.warn(...) end
---@param ... any
function log.error(...) end

time = {}
---Seconds since 1970.
---@return number
function time.now() end
---@param when? number
---@param offset? number minutes before UTC
---@return { year: integer, month: integer, day: integer, hour: integer, minute: integer, second: integer, weekday: integer }
function time.date(when, offset) end

---Calls once after so many seconds, as exactly as a second.
---@param seconds number
---@param call fun()
function after(seconds, call) end
---Calls again and again. Outside of all functions: once for the host, not once for each loop.
---@param seconds number
---@param call fun()
function every(seconds, call) end

---@param text string
---@return { full: string, bare: string, user: string?, domain: string, resource: string? }?
---@return string? error
function jid(text) end

nuncio = {
    ---@type string the domain
    host = "",
    ---@type string
    version = "",
    ---@type table plain data that survives `nuncioctl lua reload`; of one loop
    state = {},
}
---@return string
function nuncio.random_id() end
---Calls a command of the server, as `nuncioctl` would: `await(nuncio.command("disable", { jid = … }))`. Only those that
---`commands` of the script's table in `plugins.lua.settings` names.
---@param name string
---@param arguments? table<string, any>
---@return Request
function nuncio.command(name, arguments) end

---Declares a test for `nuncioctl lua test`. Each runs in a state of its own, at midnight of a Monday.
---@param name string
---@param call fun()
function test(name, call) end
---In tests: calls the handlers as the server would.
---@param event EventName
---@param stanza Stanza|table
---@param fields? { user?: string, jid?: string, address?: string, mechanism?: string, form?: string }
---@return { verdict: string, condition?: string, text?: string, reason?: string, to?: string, stanza?: Stanza, reply?: Stanza, sent: Stanza[] }
function run(event, stanza, fields) end
---In tests: lets time pass.
---@param seconds number
function advance(seconds) end
---In tests: raises unless the two are equal.
---@param value any
---@param wanted any
function expect(value, wanted) end
---In tests: what a plugin's function answers.
---@param name string such as "roster.subscription"
---@param call fun(...): any
function fake(name, call) end
