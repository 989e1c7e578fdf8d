/* Proving who somebody is, and keeping what proves it. */
#include <errno.h>
#include <string.h>

#include "internal.h"
#include "registry.h"
#include "remote.h"

#define HUB        "docker.io"
#define ANSWER_MAX ((uint64_t)1024 * 1024)

/* "https://quay.io/v1/" is "quay.io", as users have it from elsewhere. Owned. */
static int domain_of(const char *server, char **ret, struct msb_error *err)
{
	const char *place;

	if (!server || !*server)
		server = HUB;
	place = strstr(server, "://");
	place = place ? place + 3 : server;
	*ret = strndup(place, strcspn(place, "/"));
	if (!*ret)
		return msb_error_memory(err);
	if (strcmp(*ret, "index.docker.io") == 0 || strcmp(*ret, "registry-1.docker.io") == 0)
		strcpy(*ret, HUB);
	if (!**ret || strpbrk(*ret, "@?# \t\r\n\"\\"))
		return msb_error_say(err, EINVAL, "'%s' is no registry: it is HOST or HOST:PORT",
				     strchr(server, '@') ? "what was given" : server);
	return 0;
}

static int set_credentials(struct credentials *credentials, const char *user, const char *password,
			   struct msb_error *err)
{
	credentials_done(credentials);
	credentials->user = strdup(user);
	credentials->password = strdup(password);
	return credentials->user && credentials->password ? 0 : msb_error_memory(err);
}

/* A registry that asks nobody accepts everybody. */
static int verify(struct remote *remote, struct msb_error *err)
{
	const struct remote_request request = {.method = "GET", .most = ANSWER_MAX};
	autoresponse response = {0};
	int r = remote_send(remote, &request, &response, err);

	if (r < 0)
		return r;
	return response.status == 200 ? 0 : remote_refused(remote, &response, "log in", err);
}

int registry_login(const char *server, const char *user, const char *password,
		   struct msb_error *err)
{
	AUTO(registries_done) struct registries settings = {0};
	AUTO(http_freep) struct http *http = NULL;
	AUTO(remote_closep) struct remote *remote = NULL;
	autofree char *domain = NULL;
	int r = domain_of(server, &domain, err);

	if (r >= 0 && (!*user || strchr(user, ':')))
		r = msb_error_say(err, EINVAL, "a user name is not empty and has no colon");
	if (r >= 0 && !*password)
		r = msb_error_say(err, EINVAL, "the password is empty");
	if (r >= 0)
		r = registries_read(&settings, err);
	if (r >= 0)
		r = http_new(settings.timeout, &http, err);
	if (r >= 0)
		r = remote_open(http, &settings, domain, "", NULL, &remote, err);
	if (r >= 0)
		r = set_credentials(&remote->credentials, user, password, err);
	if (r >= 0)
		r = verify(remote, err);
	return r < 0 ? r : credentials_keep(domain, &remote->credentials, err);
}

int registry_logout(const char *server, bool *ret_known, struct msb_error *err)
{
	autofree char *domain = NULL;
	int r = domain_of(server, &domain, err);

	return r < 0 ? r : credentials_forget(domain, ret_known, err);
}
