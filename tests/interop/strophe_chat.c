/* A chat partner made with libstrophe: STARTTLS, the strongest SCRAM it knows, messages and iq.
 *
 *   strophe_chat JID PASSWORD ADDRESS PORT CERTIFICATE PEER
 *
 * It says on standard output what happens, one event a line, answers PEER's messages with
 * "strophe heard: ..." and ends when PEER says "quit". Anything unexpected ends it with 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strophe.h>

struct chat {
    xmpp_ctx_t* context;
    const char* peer;
    int failed;
    int connected;
};

static void say(const char* what, const char* more)
{
    printf("%s %s\n", what, more ? more : "");
    fflush(stdout);
}

static void send_text(xmpp_conn_t* connection, struct chat* chat, const char* text)
{
    xmpp_stanza_t* message = xmpp_message_new(chat->context, "chat", chat->peer, NULL);
    xmpp_message_set_body(message, text);
    xmpp_send(connection, message);
    xmpp_stanza_release(message);
}

static int on_version(xmpp_conn_t* connection, xmpp_stanza_t* iq, void* data)
{
    struct chat* chat = data;
    xmpp_stanza_t* query = xmpp_stanza_get_child_by_name(iq, "query");
    xmpp_stanza_t* name = query ? xmpp_stanza_get_child_by_name(query, "name") : NULL;
    char* text = name ? xmpp_stanza_get_text(name) : NULL;
    say("version", text ? text : "none");
    chat->failed |= text == NULL;
    if (text)
        xmpp_free(chat->context, text);
    send_text(connection, chat, "strophe is here");
    return 0;
}

static int on_message(xmpp_conn_t* connection, xmpp_stanza_t* message, void* data)
{
    struct chat* chat = data;
    const char* type = xmpp_stanza_get_type(message);
    char* body = xmpp_message_get_body(message);
    if (type && strcmp(type, "error") == 0) {
        say("refused", xmpp_stanza_get_from(message));
        chat->failed = 1;
        xmpp_disconnect(connection);
    } else if (body && strcmp(body, "quit") == 0) {
        xmpp_disconnect(connection);
    } else if (body) {
        size_t size = strlen(body) + sizeof "strophe heard: ";
        char* answer = malloc(size);
        if (answer) {
            snprintf(answer, size, "strophe heard: %s", body);
            send_text(connection, chat, answer);
            free(answer);
        }
    }
    if (body)
        xmpp_free(chat->context, body);
    return 1;
}

static void ask_version(xmpp_conn_t* connection, struct chat* chat)
{
    xmpp_stanza_t* iq = xmpp_iq_new(chat->context, "get", "version-1");
    xmpp_stanza_t* query = xmpp_stanza_new(chat->context);
    char* domain = xmpp_jid_domain(chat->context, xmpp_conn_get_bound_jid(connection));
    xmpp_stanza_set_name(query, "query");
    xmpp_stanza_set_ns(query, "jabber:iq:version");
    xmpp_stanza_set_to(iq, domain);
    xmpp_stanza_add_child(iq, query);
    xmpp_stanza_release(query);
    xmpp_id_handler_add(connection, on_version, "version-1", chat);
    xmpp_send(connection, iq);
    xmpp_stanza_release(iq);
    xmpp_free(chat->context, domain);
}

static void on_connection(xmpp_conn_t* connection, xmpp_conn_event_t event, int error,
    xmpp_stream_error_t* stream_error, void* data)
{
    struct chat* chat = data;
    if (event != XMPP_CONN_CONNECT) {
        say("disconnected", stream_error && stream_error->text ? stream_error->text : NULL);
        chat->failed |= !chat->connected || error != 0 || stream_error != NULL;
        xmpp_stop(chat->context);
        return;
    }
    chat->connected = 1;
    say("connected", xmpp_conn_get_bound_jid(connection));
    say("secured", xmpp_conn_is_secured(connection) ? "yes" : "no");
    chat->failed |= !xmpp_conn_is_secured(connection);
    xmpp_handler_add(connection, on_message, NULL, "message", NULL, chat);
    xmpp_stanza_t* presence = xmpp_presence_new(chat->context);
    xmpp_send(connection, presence);
    xmpp_stanza_release(presence);
    ask_version(connection, chat);
}

/* The library names the mechanism only in what it sends, which it logs at the debug level. */
static void on_log(void* data, xmpp_log_level_t level, const char* area, const char* text)
{
    const char* found = strstr(text, "mechanism=\"");
    (void)data;
    (void)level;
    (void)area;
    if (found && strncmp(text, "SENT:", 5) == 0) {
        found += sizeof "mechanism=\"" - 1;
        printf("mechanism %.*s\n", (int)strcspn(found, "\""), found);
        fflush(stdout);
    }
}

int main(int argc, char** argv)
{
    static const xmpp_log_t log = { on_log, NULL };
    struct chat chat = { 0 };
    if (argc != 7) {
        fprintf(stderr, "usage: strophe_chat JID PASSWORD ADDRESS PORT CERTIFICATE PEER\n");
        return 2;
    }
    xmpp_initialize();
    chat.context = xmpp_ctx_new(NULL, &log);
    chat.peer = argv[6];
    xmpp_conn_t* connection = xmpp_conn_new(chat.context);
    xmpp_conn_set_flags(connection, XMPP_CONN_FLAG_MANDATORY_TLS);
    xmpp_conn_set_cafile(connection, argv[5]);
    xmpp_conn_set_jid(connection, argv[1]);
    xmpp_conn_set_pass(connection, argv[2]);
    if (xmpp_connect_client(
            connection, argv[3], (unsigned short)atoi(argv[4]), on_connection, &chat)
        == XMPP_EOK)
        xmpp_run(chat.context);
    else
        chat.failed = 1;
    xmpp_conn_release(connection);
    xmpp_ctx_free(chat.context);
    xmpp_shutdown();
    return chat.failed;
}
