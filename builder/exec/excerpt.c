/* The lines around an instruction, as users of docker know them. */
#include <string.h>

#include "buffer.h"
#include "excerpt.h"

#define AROUND 2

char *excerpt_of(const char *name, const char *text, int line, int end_line)
{
	static const char rule[] = "--------------------\n";
	autobuffer out = {0};
	int number = 1;

	if (line == end_line)
		buffer_printf(&out, "%s:%d\n%s", name, line, rule);
	else
		buffer_printf(&out, "%s:%d-%d\n%s", name, line, end_line, rule);
	while (*text && number <= end_line + AROUND) {
		size_t length = strcspn(text, "\n");
		bool marked = number >= line && number <= end_line;
		size_t shown = length > 0 && text[length - 1] == '\r' ? length - 1 : length;

		if (number >= line - AROUND)
			buffer_printf(&out, "%4d | %s %.*s\n", number, marked ? ">>>" : "   ",
				      (int)(shown < 500 ? shown : 500), text);
		text += length + (text[length] == '\n');
		number++;
	}
	buffer_string(&out, rule);
	return buffer_text(&out);
}
