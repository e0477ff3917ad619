/* Logs in with libstrophe by whatever it likes best of what the server offers, says how that went,
 * and leaves.
 *
 *   strophe_login JID PASSWORD ADDRESS PORT CERTIFICATE [OWN-CERTIFICATE OWN-KEY]
 *
 * A JID without a local part asks for ANONYMOUS. "connected JID" and 0: it is in session, over TLS.
 */
#include <stdio.h>
#include <stdlib.h>
#include <strophe.h>

struct login {
    xmpp_ctx_t* context;
    int is_in;
};

static void on_connection(xmpp_conn_t* connection, xmpp_conn_event_t event, int error,
    xmpp_stream_error_t* stream_error, void* data)
{
    struct login* login = data;
    (void)error;
    (void)stream_error;
    if (event == XMPP_CONN_CONNECT) {
        login->is_in = xmpp_conn_is_secured(connection);
        printf("connected %s\n", xmpp_conn_get_bound_jid(connection));
        xmpp_disconnect(connection);
    } else {
        xmpp_stop(login->context);
    }
}

int main(int argc, char** argv)
{
    struct login login = { 0 };
    if (argc != 6 && argc != 8) {
        fprintf(stderr,
            "usage: strophe_login JID PASSWORD ADDRESS PORT CERTIFICATE [OWN-CERTIFICATE "
            "OWN-KEY]\n");
        return 2;
    }
    xmpp_initialize();
    login.context = xmpp_ctx_new(NULL, xmpp_get_default_logger(XMPP_LEVEL_DEBUG));
    xmpp_conn_t* connection = xmpp_conn_new(login.context);
    xmpp_conn_set_flags(connection, XMPP_CONN_FLAG_MANDATORY_TLS);
    xmpp_conn_set_cafile(connection, argv[5]);
    xmpp_conn_set_jid(connection, argv[1]);
    xmpp_conn_set_pass(connection, argv[2]);
    if (argc == 8)
        xmpp_conn_set_client_cert(connection, argv[6], argv[7]);
    if (xmpp_connect_client(
            connection, argv[3], (unsigned short)atoi(argv[4]), on_connection, &login)
        == XMPP_EOK)
        xmpp_run(login.context);
    xmpp_conn_release(connection);
    xmpp_ctx_free(login.context);
    xmpp_shutdown();
    return login.is_in ? 0 : 1;
}
