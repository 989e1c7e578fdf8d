#include <msb/cleanup.h>

#include "list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "template.h"
#include "text.h"

#define COLUMNS_MAX 16
#define GAP         3

/* What a cell shows; owned. Arrays are shown with commas. */
static char *cell(json_t *row, const char *key)
{
	json_t *value = json_object_get(row, key);
	autofree char *text = NULL;
	size_t size, index;
	json_t *member;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (json_is_string(value))
		fputs(json_string_value(value), out);
	else if (json_is_integer(value))
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	json_array_foreach(value, index, member)
		fprintf(out, "%s%s", index ? "," : "", json_string_value(member));
	if (fclose(out) != 0)
		return NULL;
	return text_harmless(text, size);
}

static int measure(const struct list_column *columns, json_t *rows, size_t *widths)
{
	json_t *row;
	size_t index;

	for (size_t c = 0; columns[c].header; c++)
		widths[c] = strlen(columns[c].header);
	json_array_foreach(rows, index, row)
	{
		for (size_t c = 0; columns[c].header; c++) {
			autofree char *text = cell(row, columns[c].key);
			size_t width;

			if (!text)
				return -ENOMEM;
			width = text_width(text);
			if (width > widths[c])
				widths[c] = width;
		}
	}
	return 0;
}

/* The blanks that a cell leaves are owed until something follows: no line ends in blanks. */
static void put_cell(const char *text, size_t width, size_t *owed)
{
	size_t taken = text_width(text);

	if (taken) {
		printf("%*s%s", (int)*owed, "", text);
		*owed = 0;
	}
	*owed += width + GAP - taken;
}

static int print_row(const struct list_column *columns, const size_t *widths, json_t *row,
		     struct msb_error *err)
{
	size_t owed = 0;

	for (size_t c = 0; columns[c].header; c++) {
		autofree char *text = cell(row, columns[c].key);

		if (!text)
			return msb_error_memory(err);
		put_cell(text, widths[c], &owed);
	}
	putchar('\n');
	return 0;
}

static int print_table(const struct list_column *columns, json_t *rows, struct msb_error *err)
{
	size_t widths[COLUMNS_MAX];
	size_t owed = 0;
	json_t *row;
	size_t index;

	if (measure(columns, rows, widths) < 0)
		return msb_error_memory(err);
	for (size_t c = 0; columns[c].header; c++)
		put_cell(columns[c].header, widths[c], &owed);
	putchar('\n');
	json_array_foreach(rows, index, row)
	{
		int r = print_row(columns, widths, row, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int print_json(json_t *rows, struct msb_error *err)
{
	json_t *row;
	size_t index;

	json_array_foreach(rows, index, row)
	{
		if (json_dumpf(row, stdout, JSON_COMPACT) < 0)
			return msb_error_memory(err);
		putchar('\n');
	}
	return 0;
}

/* As Docker has it, "\t" and "\n" in a template are what they say. */
static char *unescape(const char *format)
{
	char *text = strdup(format);
	char *to = text;

	for (const char *from = text; from && *from; from++) {
		if (from[0] == '\\' && (from[1] == 't' || from[1] == 'n'))
			*to++ = *++from == 't' ? '\t' : '\n';
		else
			*to++ = *from;
	}
	if (to)
		*to = '\0';
	return text;
}

static int print_template(json_t *rows, const char *format, struct msb_error *err)
{
	autofree char *template = unescape(format);
	json_t *row;
	size_t index;

	if (!template)
		return msb_error_memory(err);
	json_array_foreach(rows, index, row)
	{
		autofree char *line = NULL;
		int r = template_fill(template, row, &line, err);

		if (r < 0)
			return r;
		puts(line);
	}
	return 0;
}

int list_print(const struct list_column *columns, json_t *rows, const char *format,
	       struct msb_error *err)
{
	if (!format || strcmp(format, "table") == 0)
		return print_table(columns, rows, err);
	if (strcmp(format, "json") == 0 || strcmp(format, "{{json .}}") == 0)
		return print_json(rows, err);
	if (template_is(format) && strncmp(format, "table ", 6) != 0)
		return print_template(rows, format, err);
	return msb_error_say(err, EINVAL,
			     "unknown format '%s': it may be 'table', 'json' or a template like "
			     "'{{.ID}}'",
			     format);
}
