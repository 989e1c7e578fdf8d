#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "definition.h"
#include "internal.h"

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *found = c ? strchr(digits, c) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* One character behind a backslash; the count of bytes read. */
static size_t unescape(const char *text, size_t length, char *ret)
{
	static const char letters[] = "\"\\ntrabfv", meant[] = "\"\\\n\t\r\a\b\f\v";
	const char *found = memchr(letters, *text, sizeof(letters) - 1);

	*ret = found ? meant[found - letters] : *text;
	if (*text == 'x' && length >= 3 && hex_digit(text[1]) >= 0 && hex_digit(text[2]) >= 0) {
		*ret = (char)(hex_digit(text[1]) * 16 + hex_digit(text[2]));
		return 3;
	}
	return 1;
}

char *definition_unquote(const char *text, size_t length)
{
	char *value = malloc(length + 1), *out = value;

	if (!value)
		return NULL;
	if (length < 2 || text[0] != '"' || text[length - 1] != '"') {
		memcpy(value, text, length);
		value[length] = '\0';
		return value;
	}
	for (size_t i = 1; i + 1 < length; i++) {
		*out = text[i];
		if (text[i] == '\\' && i + 2 < length)
			i += unescape(text + i + 1, length - i - 2, out);
		out++;
	}
	*out = '\0';
	return value;
}

static int add_line(struct definition *definition, const char *line, size_t length)
{
	const char *blank = memchr(line, ' ', length);
	size_t name = blank ? (size_t)(blank - line) : length;
	size_t skip = blank ? name + 1 : length;
	size_t count = definition->count;
	struct component *grown = definition->components;

	/* There is room up to the next power of two. */
	if ((count & (count - 1)) == 0)
		grown = reallocarray(grown, count ? count * 2 : 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	definition->components = grown;
	grown += definition->count++;
	grown->name = strndup(line, name);
	grown->value = definition_unquote(line + skip, length - skip);
	return grown->name && grown->value ? 0 : -ENOMEM;
}

int definition_read(const char *text, struct definition *ret)
{
	*ret = (struct definition){0};
	while (*text) {
		size_t length = strcspn(text, "\n");

		if (length > 0 && add_line(ret, text, length) < 0) {
			definition_done(ret);
			return -ENOMEM;
		}
		text += length + (text[length] == '\n');
	}
	return 0;
}

bool definition_mounted(const struct definition *definition, size_t number, struct msb_digest *ret)
{
	for (size_t i = 0; i < definition->count; i++) {
		const struct component *component = &definition->components[i];
		char *end;

		if (strcmp(component->name, "mounted") == 0 &&
		    strtoul(component->value, &end, 10) == number && *end == ' ')
			return msb_digest_parse(end + 1, ret) == 0;
	}
	return false;
}

void definition_done(struct definition *definition)
{
	for (size_t i = 0; i < definition->count; i++) {
		free(definition->components[i].name);
		free(definition->components[i].value);
	}
	free(definition->components);
	*definition = (struct definition){0};
}
