-- The counterpart of nuncio's cputime example, so that its script can be proven on Prosody.
local st = require "util.stanza";
module:add_feature("ejabberd:cputime");
module:hook("iq-get/host/ejabberd:cputime:query", function (event)
	local reply = st.reply(event.stanza):tag("query", { xmlns = "ejabberd:cputime" })
		:text_tag("cputime", string.format("%.3f", os.clock()));
	event.origin.send(reply);
	return true;
end);
module:hook("iq-set/host/ejabberd:cputime:query", function (event)
	event.origin.send(st.error_reply(event.stanza, "cancel", "not-allowed"));
	return true;
end);
