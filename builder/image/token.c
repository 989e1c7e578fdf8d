/* Bearer tokens (distribution's token and OAuth 2.0 specifications): got once for each scope. */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "internal.h"
#include "remote.h"

#define ANSWER_MAX    ((uint64_t)1024 * 1024)
#define LEAST_SECONDS 60
#define MOST_SECONDS  3600
#define MARGIN        5 /* seconds in which a request may still be on its way */
#define MOST_TOKENS   64

int64_t remote_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void token_done(struct token *token)
{
	if (token->text)
		explicit_bzero(token->text, strlen(token->text));
	free(token->text);
	free(token->scope);
}

void tokens_done(struct remote *remote)
{
	for (size_t i = 0; i < remote->token_count; i++)
		token_done(&remote->tokens[i]);
	free(remote->tokens);
	remote->tokens = NULL;
	remote->token_count = 0;
}

void token_drop(struct remote *remote, const char *scope)
{
	for (size_t i = 0; i < remote->token_count; i++)
		if (strcmp(remote->tokens[i].scope, scope) == 0)
			remote->tokens[i].until_ns = 0;
}

static const struct token *find(const struct remote *remote, const char *scope)
{
	int64_t now = remote_clock();

	for (size_t i = 0; i < remote->token_count; i++)
		if (strcmp(remote->tokens[i].scope, scope) == 0 && remote->tokens[i].until_ns > now)
			return &remote->tokens[i];
	return NULL;
}

/* text is taken in any case. */
static int keep(struct remote *remote, const char *scope, char *text, int64_t seconds,
		struct msb_error *err)
{
	struct token token = {.scope = strdup(scope), .text = text};
	struct token *grown;

	if (seconds < LEAST_SECONDS)
		seconds = LEAST_SECONDS;
	if (seconds > MOST_SECONDS)
		seconds = MOST_SECONDS;
	token.until_ns = remote_clock() + (seconds - MARGIN) * 1000000000;
	if (remote->token_count == MOST_TOKENS)
		tokens_done(remote);
	grown = reallocarray(remote->tokens, remote->token_count + 1, sizeof(*grown));
	if (grown)
		remote->tokens = grown;
	if (!grown || !token.scope) {
		token_done(&token);
		return msb_error_memory(err);
	}
	remote->tokens[remote->token_count++] = token;
	return 0;
}

static int take_answer(struct remote *remote, const char *scope, const struct buffer *answer,
		       struct msb_error *err)
{
	json_auto_t *json = json_loadb((const char *)answer->bytes, answer->size, 0, NULL);
	const char *text = json_string_value(json_object_get(json, "token"));
	json_int_t seconds = json_integer_value(json_object_get(json, "expires_in"));
	char *copy;

	if (!text || !*text)
		text = json_string_value(json_object_get(json, "access_token"));
	if (!text || !*text || strpbrk(text, "\r\n"))
		return msb_error_say(err, EBADMSG, "its token server gives no token");
	copy = strdup(text);
	return copy ? keep(remote, scope, copy, seconds, err) : msb_error_memory(err);
}

/* "service=…&scope=…&scope=…"; scopes are separated by blanks. */
static void add_query(struct buffer *query, const struct challenge *challenge, const char *scopes)
{
	autofree char *service = http_escape(challenge->service ? challenge->service : "");
	autofree char *rest = strdup(scopes);
	char *position = NULL;

	buffer_printf(query, "service=%s", service ? service : "");
	for (char *scope = rest ? strtok_r(rest, " ", &position) : NULL; scope;
	     scope = strtok_r(NULL, " ", &position)) {
		autofree char *escaped = http_escape(scope);

		buffer_printf(query, "&scope=%s", escaped ? escaped : "");
	}
}

/* Where a password may travel: never in clear, but where all the talk is. */
static int check_realm(const struct remote *remote, const char *realm, struct msb_error *err)
{
	bool plain = strncasecmp(remote->base, "http:", 5) == 0 || remote->unverified;

	if (strncasecmp(realm, "https://", 8) == 0 ||
	    (plain && strncasecmp(realm, "http://", 7) == 0))
		return 0;
	return msb_error_say(err, EPROTO, "it wants tokens from where no password may be sent");
}

static int ask(struct remote *remote, const char *scope, struct http_response *answer,
	       struct msb_error *err)
{
	const struct challenge *challenge = &remote->challenge;
	const struct credentials *who = &remote->credentials;
	autostrlist headers = {0};
	autobuffer query = {0}, form = {0};
	autofree char *url = NULL, *secret = NULL, *text = NULL;
	struct memory_source memory = {0};
	struct layer_source body;
	struct http_request request = {
		.method = "GET",
		.user = who->user,
		.password = who->password,
		.ca = remote->ca,
		.unverified = remote->unverified,
		.direct = remote->direct,
		.most = ANSWER_MAX,
	};
	int r = check_realm(remote, challenge->realm, err);

	if (r < 0)
		return r;
	add_query(&query, challenge, scope);
	text = buffer_text(&query);
	if (!text)
		return msb_error_memory(err);
	if (who->identity) {
		secret = http_escape(who->identity);
		buffer_printf(&form, "grant_type=refresh_token&client_id=msb&%s&refresh_token=%s",
			      text, secret ? secret : "");
		memory = (struct memory_source){(const char *)form.bytes, form.size, 0};
		body = memory_source(&memory);
		request.method = "POST";
		request.body = &body;
		request.body_size = form.size;
		request.user = request.password = NULL;
		if (strlist_add(&headers, "Content-Type: application/x-www-form-urlencoded") < 0)
			return msb_error_memory(err);
		request.headers = &headers;
		request.url = challenge->realm;
		return http_send(remote->http, &request, answer, err);
	}
	url = buffer_format("%s%c%s", challenge->realm, strchr(challenge->realm, '?') ? '&' : '?',
			    text);
	request.url = url;
	return url ? http_send(remote->http, &request, answer, err) : msb_error_memory(err);
}

int token_get(struct remote *remote, const char *scope, char **ret, struct msb_error *err)
{
	const struct token *token = find(remote, scope);
	struct retry retry = {0};
	int r = 0;

	while (!token) {
		autoresponse answer = {0};

		r = ask(remote, scope, &answer, err);
		if (remote_again(remote, &retry, r, &answer))
			continue;
		if (r >= 0 && answer.status != 200)
			r = remote_refused(remote, &answer, "log in", err);
		if (r >= 0)
			r = take_answer(remote, scope, &answer.body, err);
		if (answer.body.bytes)
			explicit_bzero(answer.body.bytes, answer.body.size);
		if (r < 0)
			return r;
		token = &remote->tokens[remote->token_count - 1];
	}
	*ret = strdup(token->text);
	return *ret ? 0 : msb_error_memory(err);
}
