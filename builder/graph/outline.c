/* The arguments, secrets and agents of a target, collected from its plan. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"
#include "outline.h"

const char *outline_description(const struct instruction *instruction, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; length > 0 && i < instruction->comments.count; i++) {
		const char *comment = instruction->comments.items[i];

		if (strncasecmp(comment, name, length) == 0 && comment[length] == ' ')
			return comment + length + strspn(comment + length, " ");
	}
	return NULL;
}

/* --- Lists --- */

static void list_done(struct outline_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].name);
		free(list->items[i].value);
		free(list->items[i].description);
	}
	free(list->items);
}

static struct outline_item *list_find(const struct outline_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].name, name) == 0)
			return &list->items[i];
	return NULL;
}

/* Who comes first stays; *ret (may be NULL) is that one. */
static int list_add(struct outline_list *list, const char *name, size_t length, int line,
		    int end_line, struct outline_item **ret)
{
	autofree char *copy = strndup(name, length);
	struct outline_item *item = copy ? list_find(list, copy) : NULL, *grown;

	if (!copy)
		return -ENOMEM;
	*ret = item;
	if (item)
		return 0;
	grown = reallocarray(list->items, list->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->items = grown;
	*ret = &grown[list->count++];
	**ret = (struct outline_item){.name = steal(&copy), .line = line, .end_line = end_line};
	return 1;
}

static int by_line(const void *a, const void *b)
{
	const struct outline_item *x = a, *y = b;

	return x->line != y->line ? (x->line > y->line) - (x->line < y->line)
				  : strcmp(x->name, y->name);
}

static void list_sort(struct outline_list *list)
{
	if (list->count > 1)
		qsort(list->items, list->count, sizeof(*list->items), by_line);
}

/* --- Arguments --- */

/* The first one's value counts, and the first description. */
static int add_arg(struct outline *outline, const struct instruction *instruction, const char *word,
		   const char *value)
{
	struct outline_item *item;
	const char *text;
	int r = list_add(&outline->args, word, strcspn(word, "="), instruction->line,
			 instruction->end_line, &item);

	if (r < 0 || (r > 0 && replace_text(&item->value, value) < 0))
		return -ENOMEM;
	text = outline_description(instruction, item->name);
	return item->description ? 0 : replace_text(&item->description, text);
}

/* What every Dockerfile has and what stands before its first FROM. */
struct globals {
	const struct dockerfile *dockerfile;
	struct strlist values; /* NAME=VALUE, those of the platforms among them */
	struct strlist used;   /* names */
};

static void globals_done(struct globals *globals)
{
	strlist_done(&globals->values);
	strlist_done(&globals->used);
}

static bool is_global(const struct globals *globals, const char *name)
{
	const struct instruction *instruction = globals->dockerfile->instructions;
	size_t length = strlen(name);

	if (strlist_get_env(&globals->values, name))
		return true;
	for (; instruction->kind == INSTRUCTION_ARG; instruction++)
		for (size_t i = 0; i < instruction->args.count; i++)
			if (strcspn(instruction->args.items[i], "=") == length &&
			    memcmp(instruction->args.items[i], name, length) == 0)
				return true;
	return false;
}

/* One without a default of its own is the global: told where that is declared, or, being a
 * platform's, not at all. */
static int add_stage_args(struct outline *outline, const struct instruction *instruction,
			  const struct step *step, struct globals *globals)
{
	for (size_t i = 0; i < instruction->args.count; i++) {
		const char *word = instruction->args.items[i], *value;
		autofree char *name = strndup(word, strcspn(word, "="));

		if (!name)
			return -ENOMEM;
		if (!word[strlen(name)] && is_global(globals, name)) {
			if (strlist_add(&globals->used, name) < 0)
				return -ENOMEM;
			continue;
		}
		value = strlist_get_env(&step->args, name);
		if (!value)
			value = strlist_get_env(&step->config.env, name);
		if (add_arg(outline, instruction, word, value) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Notes the names of all variables in text. */
static const char *note_name(void *context, const char *name)
{
	struct strlist *names = context;

	/* A name that gets lost is one line less in an outline. */
	if (!strlist_has(names, name) && strlist_add(names, name) < 0)
		return NULL;
	return NULL;
}

static int note_names(const struct dockerfile *dockerfile, const char *text, struct strlist *names)
{
	struct words words = {.escape = dockerfile->escape, .lookup = note_name, .context = names};
	autofree char *ignored = NULL;

	return text && words_expand(&words, text, &ignored, NULL) == -ENOMEM ? -ENOMEM : 0;
}

/* Global arguments that the FROMs of wanted stages use, and those that these are made of; a
 * default sees only what stands before it, so one pass backwards finds all. */
static int add_globals(struct outline *outline, size_t count, struct globals *globals)
{
	const struct dockerfile *dockerfile = globals->dockerfile;
	struct strlist *used = &globals->used;

	for (size_t i = count; i-- > 0;) {
		const struct instruction *instruction = &dockerfile->instructions[i];

		for (size_t j = instruction->args.count; j-- > 0;) {
			const char *word = instruction->args.items[j];
			size_t length = strcspn(word, "=");
			autofree char *name = strndup(word, length);

			if (!name)
				return -ENOMEM;
			if (!strlist_has(used, name))
				continue;
			if ((word[length] && note_names(dockerfile, word + length + 1, used) < 0) ||
			    add_arg(outline, instruction, word,
				    strlist_get_env(&globals->values, name)) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

/* --- Mounts --- */

static int add_mounts(struct outline *outline, const struct step *step)
{
	for (size_t i = 0; i < step->run.mount_count; i++) {
		const struct run_mount *mount = &step->run.mounts[i];
		bool is_secret = mount->kind == MOUNT_SECRET;
		const char *id = mount->id ? mount->id : "default";
		struct outline_item *item;

		if (!is_secret && mount->kind != MOUNT_SSH)
			continue;
		if (list_add(is_secret ? &outline->secrets : &outline->agents, id, strlen(id),
			     step->line, step->end_line, &item) < 0)
			return -ENOMEM;
		item->required |= mount->required;
	}
	return 0;
}

/* --- The whole --- */

static int add_stage(struct outline *outline, const struct plan_stage *stage,
		     const struct instruction *from, struct globals *globals)
{
	const struct instruction *instruction = from;

	for (size_t i = 0; i < stage->step_count; i++) {
		const struct step *step = &stage->steps[i];

		if (add_mounts(outline, step) < 0)
			return -ENOMEM;
		if (step->from_trigger)
			continue;
		if (instruction->kind == INSTRUCTION_ARG &&
		    add_stage_args(outline, instruction, step, globals) < 0)
			return -ENOMEM;
		instruction++;
	}
	return 0;
}

static int describe_target(struct outline *outline, const struct plan_stage *stage,
			   const struct instruction *from)
{
	if (!stage->name)
		return 0;
	if (replace_text(&outline->name, stage->name) < 0 ||
	    replace_text(&outline->description, outline_description(from, stage->name)) < 0)
		return -ENOMEM;
	return 0;
}

static int collect(struct outline *outline, const struct plan_inputs *inputs,
		   const struct plan *plan)
{
	const struct dockerfile *dockerfile = inputs->dockerfile;
	const struct instruction *instructions = dockerfile->instructions;
	AUTO(globals_done) struct globals globals = {.dockerfile = dockerfile};
	size_t stage = plan->stage_count, first_from = dockerfile->count;

	if (scope_read_globals(inputs, &globals.values, NULL) < 0)
		return -ENOMEM;
	/* From the end: the target's own description of an argument goes before its base's. */
	for (size_t i = dockerfile->count; i-- > 0;) {
		if (instructions[i].kind != INSTRUCTION_FROM)
			continue;
		first_from = i;
		if (!plan->stages[--stage].wanted)
			continue;
		if (stage == plan->target &&
		    describe_target(outline, &plan->stages[stage], &instructions[i]) < 0)
			return -ENOMEM;
		if (add_stage(outline, &plan->stages[stage], &instructions[i], &globals) < 0 ||
		    note_names(dockerfile, instructions[i].args.items[0], &globals.used) < 0 ||
		    note_names(dockerfile, instruction_flag(&instructions[i], "platform"),
			       &globals.used) < 0)
			return -ENOMEM;
	}
	return add_globals(outline, first_from, &globals);
}

int outline_make(const struct plan_inputs *inputs, const struct plan *plan, struct outline **ret,
		 struct msb_error *err)
{
	AUTO(outline_freep) struct outline *outline = calloc(1, sizeof(*outline));

	if (!outline || collect(outline, inputs, plan) < 0)
		return msb_error_memory(err);
	list_sort(&outline->args);
	list_sort(&outline->secrets);
	list_sort(&outline->agents);
	*ret = steal(&outline);
	return 0;
}

void outline_free(struct outline *outline)
{
	if (!outline)
		return;
	free(outline->name);
	free(outline->description);
	list_done(&outline->args);
	list_done(&outline->secrets);
	list_done(&outline->agents);
	free(outline);
}
