/* Filters of system calls: found, translated, compiled once and kept. */
#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <msb/cleanup.h>
#include <msb/digest.h>

#include "base64.h"
#include "internal.h"
#include "io.h"

#define MAX_PROFILE (4u << 20)

/* Where distributions put it: Debian and Fedora (containers-common), then an administrator's. */
static const char *const places[] = {
	"/etc/containers/seccomp.json",
	"/usr/share/containers/seccomp.json",
};

const char *sandbox_filter_default(void)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	return NULL;
}

void sandbox_filter_free(struct sandbox_filter *filter)
{
	if (!filter)
		return;
	json_decref(filter->rules);
	free(filter->program);
	free(filter);
}

/* How profiles name a machine. "" for one that they have no name for. */
static const char *machine_of(const char *architecture)
{
	static const char *const names[][2] = {
		{"amd64", "SCMP_ARCH_X86_64"},        {"386", "SCMP_ARCH_X86"},
		{"arm64", "SCMP_ARCH_AARCH64"},       {"arm", "SCMP_ARCH_ARM"},
		{"riscv64", "SCMP_ARCH_RISCV64"},     {"ppc64le", "SCMP_ARCH_PPC64LE"},
		{"s390x", "SCMP_ARCH_S390X"},         {"mips64le", "SCMP_ARCH_MIPSEL64"},
		{"loong64", "SCMP_ARCH_LOONGARCH64"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i][0], architecture) == 0)
			return names[i][1];
	return "";
}

/* What decides the result: a filter that was kept under this name is this one. */
static int name_of(const struct buffer *profile, const struct filter_setting *setting, char ret[80],
		   struct msb_error *err)
{
	autofree char *capabilities = json_dumps(setting->capabilities, JSON_COMPACT);
	autobuffer all = {0};
	struct utsname host;
	struct msb_digest digest;
	char text[MSB_DIGEST_TEXT];

	if (uname(&host) < 0)
		return msb_error_set(err, errno, "ask for the kernel's name");
	buffer_printf(&all, "filter 1\n%s\n%s\n%s\n", setting->architecture, host.release,
		      capabilities ? capabilities : "");
	buffer_append(&all, profile->bytes, profile->size);
	if (!capabilities || !buffer_ok(&all))
		return msb_error_memory(err);
	msb_digest_of(all.bytes, all.size, &digest);
	msb_digest_format(&digest, text);
	snprintf(ret, 80, "%s", text + strlen("sha256:"));
	return 0;
}

/* Three lines: the rules, the program, and the digest of both: without it a file is no more than
 * what a crash has left. */
static bool read_kept(int kept, const char *name, struct sandbox_filter *ret)
{
	autobuffer file = {0};
	autofree char *text = NULL;
	struct msb_digest digest;
	char wanted[MSB_DIGEST_TEXT], *program, *end;

	if (io_read_file(kept, name, MAX_PROFILE, &file, NULL) < 0)
		return false;
	text = buffer_text(&file);
	program = text ? strchr(text, '\n') : NULL;
	end = program ? strchr(program + 1, '\n') : NULL;
	if (!end)
		return false;
	msb_digest_of(text, (size_t)(end - text), &digest);
	if (strcmp(end + 1, msb_digest_format(&digest, wanted)) != 0)
		return false;
	*program = *end = '\0';
	ret->rules = json_loads(text, 0, NULL);
	ret->program = strdup(program + 1);
	return ret->rules && ret->program;
}

/* Best effort: whoever finds nothing makes it anew. */
static void keep(int kept, const char *name, const struct sandbox_filter *filter)
{
	autofree char *rules = json_dumps(filter->rules, JSON_COMPACT);
	autobuffer file = {0};
	struct msb_digest digest;
	char text[MSB_DIGEST_TEXT], unfinished[128];

	if (!rules)
		return;
	buffer_printf(&file, "%s\n%s", rules, filter->program);
	if (!buffer_ok(&file))
		return;
	msb_digest_of(file.bytes, file.size, &digest);
	buffer_printf(&file, "\n%s", msb_digest_format(&digest, text));
	snprintf(unfinished, sizeof(unfinished), "%s.%d", name, (int)getpid());
	if (buffer_ok(&file) &&
	    io_write_file(kept, unfinished, file.bytes, file.size, 0644, NULL) >= 0 &&
	    renameat(kept, unfinished, kept, name) == 0)
		return;
	unlinkat(kept, unfinished, 0);
}

static int make(const struct buffer *profile, const struct filter_setting *setting,
		struct sandbox_filter *ret, struct msb_error *err)
{
	json_error_t where;
	json_auto_t *document = json_loadb((const char *)profile->bytes, profile->size, 0, &where);
	autobuffer program = {0};
	int r;

	if (!document)
		return msb_error_say(err, EINVAL, "line %d: %s", where.line, where.text);
	r = filter_translate(document, setting, &ret->rules, err);
	if (r >= 0)
		r = filter_compile(ret->rules, &program, err);
	if (r < 0)
		return r;
	ret->program = base64_encode(program.bytes, program.size);
	return ret->program ? 0 : msb_error_memory(err);
}

int sandbox_filter_open(const char *profile, int kept, struct sandbox_filter **ret,
			struct msb_error *err)
{
	AUTO(sandbox_filter_freep) struct sandbox_filter *filter = calloc(1, sizeof(*filter));
	json_auto_t *capabilities = bundle_capabilities(false);
	const struct filter_setting setting = {.architecture = emulator_own_architecture(),
					       .machine = machine_of(emulator_own_architecture()),
					       .capabilities = capabilities};
	autobuffer text = {0};
	char name[80];
	int r;

	if (!filter || !capabilities)
		return msb_error_memory(err);
	r = io_read_file(AT_FDCWD, profile, MAX_PROFILE, &text, err);
	if (r >= 0)
		r = name_of(&text, &setting, name, err);
	if (r < 0)
		return r;
	if (kept < 0 || !read_kept(kept, name, filter)) {
		json_decref(filter->rules);
		free(filter->program);
		*filter = (struct sandbox_filter){0};
		r = make(&text, &setting, filter, err);
		if (r < 0)
			return msb_error_prefix(err, r, "seccomp profile '%s'", profile);
		if (kept >= 0)
			keep(kept, name, filter);
	}
	*ret = steal(&filter);
	return 0;
}
