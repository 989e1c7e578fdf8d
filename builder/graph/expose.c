/* EXPOSE: port specifications to "80/tcp", ranges spelt out. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

static int bad_port(const char *spec, struct msb_error *err)
{
	return msb_error_say(err, EINVAL, "invalid port '%s'; write 80, 80/udp or 8000-8010", spec);
}

static const char *take_port(const char *text, int *ret)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 5)
		return NULL;
	*ret = atoi(text);
	return *ret <= 65535 ? text + digits : NULL;
}

/* "[[ip:]host:]container[/protocol]", of which the container's part counts. */
static int add_ports(struct strlist *ports, const char *spec, struct msb_error *err)
{
	static const char *const protocols[] = {"tcp", "udp", "sctp"};
	const char *slash = strrchr(spec, '/'), *colon = strrchr(spec, ':');
	const char *protocol = NULL, *at = colon ? colon + 1 : spec;
	int first, last;

	for (size_t i = 0; i < 3; i++)
		if (strcasecmp(slash ? slash + 1 : "tcp", protocols[i]) == 0)
			protocol = protocols[i];
	if (!protocol)
		return msb_error_say(err, EINVAL, "invalid protocol '%s'; write tcp, udp or sctp",
				     slash + 1);
	at = take_port(at, &first);
	last = first;
	if (at && *at == '-')
		at = take_port(at + 1, &last);
	if (!at || (*at && at != slash) || last < first)
		return bad_port(spec, err);
	for (int port = first; port <= last; port++)
		if (strlist_addf(ports, "%d/%s", port, protocol) < 0)
			return msb_error_memory(err);
	return 0;
}

/* Sorts and drops what stands there twice. */
static void settle(struct strlist *ports)
{
	size_t kept = 0;

	strlist_sort(ports);
	for (size_t i = 0; i < ports->count; i++) {
		if (kept > 0 && strcmp(ports->items[kept - 1], ports->items[i]) == 0)
			free(ports->items[i]);
		else
			ports->items[kept++] = ports->items[i];
	}
	ports->count = kept;
	if (ports->items)
		ports->items[kept] = NULL;
}

int config_expose(struct site *site, struct msb_error *err)
{
	struct words words = {.escape = site->planner->file->escape, .env = &site->scope->env};
	struct strlist *ports = &site->scope->config.ports;
	autostrlist args = {0}, specs = {0}, given = {0};
	autobuffer history = {0};
	int r = strlist_copy(&args, &site->instruction->args);

	if (r < 0)
		return msb_error_memory(err);
	/* The history has them in the order of the words as they were written. */
	strlist_sort(&args);
	for (size_t i = 0; r == 0 && i < args.count; i++)
		r = words_split(&words, args.items[i], &specs, err);
	for (size_t i = 0; r == 0 && i < specs.count; i++) {
		r = add_ports(&given, specs.items[i], err);
		if (given.count > 65536)
			settle(&given);
	}
	if (r < 0)
		return r;
	if (strlist_copy(ports, &given) < 0)
		return msb_error_memory(err);
	settle(ports);
	buffer_string(&history, "EXPOSE ");
	put_plain_list(&history, &given);
	return set_history(site, &history, err);
}
