/*
 * What the caller lends to whatever fetches: agents, and the secrets that BuildKit knows by name,
 * HTTP_AUTH_HEADER_HOST, HTTP_AUTH_TOKEN_HOST, GIT_AUTH_HEADER and GIT_AUTH_TOKEN, the latter two
 * also with ".HOST" behind them.
 */
#ifndef LENT_H
#define LENT_H

#include <msb/error.h>

#include "agents.h"

struct lent {
	const char *const *secrets; /* words of --secret; may be NULL */
	const struct agents *agents;
};

/* "Authorization: …" for a file or a repository at url, which is one of the web. Owned; NULL where
 * nothing was given for it. -EINVAL for a secret that is no header's value. */
int lent_http_header(const struct lent *lent, const char *url, char **ret, struct msb_error *err);
int lent_git_header(const struct lent *lent, const char *url, char **ret, struct msb_error *err);

#endif
