-- The counterpart of nuncio's echo example, so that its script can be proven on Prosody.
local st = require "util.stanza";
module:depends("disco");
module:add_identity("component", "generic", "Echo");
local function echo(event)
	local stanza = event.stanza;
	if stanza.attr.type == "error" or stanza.attr.type == "result" then return true; end
	local copy = st.clone(stanza);
	copy.attr.from, copy.attr.to = stanza.attr.to, stanza.attr.from;
	module:send(copy);
	return true;
end
for _, kind in ipairs { "bare", "full", "host" } do
	module:hook("message/" .. kind, echo, 10);
	if kind ~= "host" then module:hook("iq/" .. kind, echo, 10); end
end
