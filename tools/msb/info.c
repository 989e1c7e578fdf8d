/* msb info, msb version: this host and this program. */
#include <stdio.h>
#include <stdlib.h>

#include <msb/builder.h>

#include "formatted.h"
#include "text.h"

int run_info(struct session *session, int argc, char **argv)
{
	static const struct list_column columns[] = {
		{"NEEDED", "Name"},
		{"STATE", "State"},
		{"FOUND", "Text"},
		{NULL, NULL},
	};
	autoformatted formatted = {0};
	struct msb_error err = {0};
	struct msb_host_fact *facts = NULL;
	size_t count = 0;
	bool good = true;
	json_t *rows;
	int r, status;

	if (formatted_parse(session, NULL,
			    "Show whether this host has what msb needs; the exit status is 1 when "
			    "something is missing.",
			    argc, argv, &formatted))
		return STATUS_FAILED;
	rows = json_array();
	r = msb_host_facts(session->root, &facts, &count, &err);
	for (size_t i = 0; i < count && r >= 0; i++) {
		json_t *row = json_pack("{s:s, s:s, s:o}", "Name", facts[i].name, "State",
					facts[i].good ? "ok" : "missing", "Text",
					text_json(facts[i].text));

		if (json_array_append_new(rows, row) < 0)
			r = msb_error_memory(&err);
		good = good && facts[i].good;
	}
	free(facts);
	status = formatted_print(columns, rows, formatted.format, r, &err);
	return status ? status : good ? STATUS_DONE : STATUS_FAILED;
}

int run_version(struct session *session, int argc, char **argv)
{
	autoformatted formatted = {0};

	if (formatted_parse(session, NULL, "Show the version.", argc, argv, &formatted))
		return STATUS_FAILED;
	if (formatted.format) {
		static const struct list_column columns[] = {{"VERSION", "Version"}, {NULL, NULL}};
		struct msb_error err = {0};

		return formatted_print(columns, json_pack("[{s:s}]", "Version", MSB_VERSION),
				       formatted.format, 0, &err);
	}
	printf("msb version %s\n", MSB_VERSION);
	return finish();
}
