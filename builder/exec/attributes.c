#include <ctype.h>
#include <errno.h>
#include <string.h>

#include <msb/cleanup.h>

#include "attributes.h"
#include "buffer.h"

/* One field from *text on; leaves *text at the comma or the end behind it. */
static int take_field(const char **text, struct buffer *ret)
{
	bool quoted = **text == '"';
	const char *at = *text + quoted;

	for (; *at && (quoted || *at != ','); at++) {
		if (quoted && *at == '"' && *++at != '"') {
			quoted = false;
			break;
		}
		buffer_char(ret, *at);
	}
	*text = at;
	return quoted || (*at && *at != ',') ? -EINVAL : 0;
}

static int add_field(struct buffer *field, struct strlist *ret)
{
	autofree char *item = buffer_text(field);

	if (!item)
		return -ENOMEM;
	for (char *c = item; *c && *c != '='; c++)
		*c = (char)tolower((unsigned char)*c);
	return strlist_add(ret, item);
}

int attributes_parse(const char *option, const char *text, struct strlist *ret,
		     struct msb_error *err)
{
	const char *rest = text;

	for (;;) {
		autobuffer field = {0};

		if (take_field(&rest, &field) < 0)
			return msb_error_say(err, EINVAL, "%s %s: quotes that do not match", option,
					     text);
		if (add_field(&field, ret) < 0)
			return msb_error_memory(err);
		if (!*rest++)
			return 0;
	}
}

const char *attribute_value(const char *item, const char *key)
{
	size_t length = strcspn(item, "=");

	if (strlen(key) != length || strncmp(item, key, length) != 0)
		return NULL;
	return item[length] ? item + length + 1 : "";
}

int attribute_keep(char **owned, const char *value, struct msb_error *err)
{
	free(*owned);
	*owned = strdup(value);
	return *owned ? 0 : msb_error_memory(err);
}
