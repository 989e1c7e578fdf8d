/*
 * The bundle: config.json of OCI runtime-spec 1.0 for one command. What a command sees is what it
 * would see in Docker's default container, but for these:
 * - no resource limits but those that are asked for, and no cgroup that limits: the host may not
 * let us have either, and a build step has no use for them. What devices it may open, devices.c
 * tells.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <jansson.h>

#include <msb/cleanup.h>

#include "internal.h"
#include "io.h"

/* By number, as linux/capability.h has them. */
static const char *const capability_names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

#define CAPABILITY_COUNT (sizeof(capability_names) / sizeof(capability_names[0]))

#define BIT(capability)  (1ull << (capability))

/* Docker's. */
static const uint64_t default_capabilities =
	BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_KILL) |
	BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) |
	BIT(CAP_NET_RAW) | BIT(CAP_SYS_CHROOT) | BIT(CAP_MKNOD) | BIT(CAP_AUDIT_WRITE) |
	BIT(CAP_SETFCAP);

struct mount_row {
	const char *target;
	const char *type;
	const char *options; /* separated by commas */
};

static const struct mount_row standard_mounts[] = {
	{"/proc", "proc", "nosuid,noexec,nodev"},
	{"/dev", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"},
	{"/dev/pts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"},
	{"/dev/shm", "tmpfs", "nosuid,noexec,nodev,mode=1777,size=65536k"},
	{"/dev/mqueue", "mqueue", "nosuid,noexec,nodev"},
	{"/sys", "sysfs", "nosuid,noexec,nodev,ro"},
};

static const char *const masked_paths[] = {
	"/proc/acpi",          "/proc/asound",
	"/proc/kcore",         "/proc/keys",
	"/proc/latency_stats", "/proc/sched_debug",
	"/proc/scsi",          "/proc/timer_list",
	"/proc/timer_stats",   "/sys/devices/virtual/powercap",
	"/sys/firmware",       NULL,
};

static const char *const read_only_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};

const char *const *sandbox_mount_points(void)
{
	static const char *const points[] = {"/proc", "/sys", "/dev", NULL};

	return points;
}

/* jansson refuses NULL wherever a value is put into another and releases what it was given with
 * it, so that a failure anywhere comes out at the end: a NULL document. */

/* list with value, both of which it takes over. */
static json_t *append(json_t *list, json_t *value)
{
	if (json_array_append_new(list, value) == 0)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *list_of(const char *const *words)
{
	json_t *list = json_array();

	for (; words && *words; words++)
		list = append(list, json_string(*words));
	return list;
}

static json_t *list_of_options(const char *options)
{
	json_t *list = json_array();

	while (*options) {
		size_t length = strcspn(options, ",");

		list = append(list, json_stringn(options, length));
		options += length + (options[length] == ',');
	}
	return list;
}

json_t *bundle_capabilities(bool privileged)
{
	json_t *list = json_array();

	for (size_t i = 0; i < CAPABILITY_COUNT; i++) {
		if (!privileged && !(default_capabilities & BIT(i)))
			continue;
		/* Nobody can give what he has not. */
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			list = append(list, json_string(capability_names[i]));
	}
	return list;
}

/* As Docker: all a root command can have; a user's command can get them by sudo, but has none. */
static json_t *make_capabilities(const struct sandbox_command *command)
{
	json_t *full = bundle_capabilities(command->privileged);
	json_t *effective = command->uid == 0 ? json_incref(full) : json_array();

	return json_pack("{s:o, s:o, s:o, s:[]}", "bounding", full, "permitted",
			 json_incref(effective), "effective", effective, "inheritable");
}

/* The own group stands among the others, too: one who gives it up by newgrp(1) shall not thereby
 * pass where it is kept out. */
static json_t *make_user(const struct sandbox_command *command)
{
	json_t *groups = json_array();
	bool has_own = !idmap_sets_groups();

	for (size_t i = 0; i < command->group_count; i++)
		has_own |= command->groups[i] == command->gid;
	if (!has_own)
		groups = append(groups, json_integer(command->gid));
	for (size_t i = 0; i < command->group_count; i++)
		groups = append(groups, json_integer(command->groups[i]));
	return json_pack("{s:I, s:I, s:o}", "uid", (json_int_t)command->uid, "gid",
			 (json_int_t)command->gid, "additionalGids", groups);
}

/* JSON's numbers end here; the kernel has none that is larger. */
static json_int_t limit_value(uint64_t value)
{
	return value > INT64_MAX ? INT64_MAX : (json_int_t)value;
}

static json_t *make_limits(const struct sandbox_command *command)
{
	json_t *list = json_array();

	for (size_t i = 0; i < command->limit_count; i++) {
		const struct sandbox_limit *limit = &command->limits[i];

		list = append(list, json_pack("{s:s, s:I, s:I}", "type", limit->name, "soft",
					      limit_value(limit->soft), "hard",
					      limit_value(limit->hard)));
	}
	return list;
}

static json_t *make_process(const struct sandbox_command *command)
{
	return json_pack("{s:b, s:o, s:o, s:o, s:s, s:o, s:o, s:b}", "terminal", command->terminal,
			 "user", make_user(command), "args", list_of(command->argv), "env",
			 list_of(command->env), "cwd", command->directory, "capabilities",
			 make_capabilities(command), "rlimits", make_limits(command),
			 "noNewPrivileges", 0);
}

static json_t *make_mount(const char *target, const char *type, const char *source,
			  const char *options)
{
	return json_pack("{s:s, s:s, s:s, s:o}", "destination", target, "type", type, "source",
			 source, "options", list_of_options(options));
}

static json_t *make_standard_mount(const struct mount_row *row,
				   const struct sandbox_command *command)
{
	bool is_sys = strcmp(row->target, "/sys") == 0;

	/* sysfs belongs to the network namespace: whoever did not make that cannot mount it. */
	if (is_sys && !command->own_network && idmap_in_user_namespace())
		return make_mount("/sys", "none", "/sys", "rbind,nosuid,noexec,nodev,ro");
	if (is_sys && command->privileged)
		return make_mount("/sys", "sysfs", "sysfs", "nosuid,noexec,nodev");
	if (command->shm_size && strcmp(row->target, "/dev/shm") == 0) {
		char options[80];

		snprintf(options, sizeof(options), "nosuid,noexec,nodev,mode=1777,size=%llu",
			 (unsigned long long)command->shm_size);
		return make_mount(row->target, row->type, row->type, options);
	}
	/* tty may be a group that this user namespace has no id for. */
	if (strcmp(row->type, "devpts") == 0 && !idmap_has_gid(5))
		return make_mount(row->target, row->type, row->type,
				  "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620");
	return make_mount(row->target, row->type, row->type, row->options);
}

static json_t *make_tmpfs(const struct sandbox_mount *tmpfs)
{
	char options[64] = "nosuid,nodev,mode=1777";

	if (tmpfs->size)
		snprintf(options, sizeof(options), "nosuid,nodev,mode=1777,size=%llu",
			 (unsigned long long)tmpfs->size);
	return make_mount(tmpfs->target, "tmpfs", "tmpfs", options);
}

static json_t *make_bind(const struct sandbox_mount *bind)
{
	return make_mount(bind->target, "bind", bind->source,
			  bind->read_only ? "rbind,rprivate,ro" : "rbind,rprivate,rw");
}

static json_t *make_mounts(const struct sandbox_command *command)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(standard_mounts) / sizeof(standard_mounts[0]); i++)
		list = append(list, make_standard_mount(&standard_mounts[i], command));
	for (size_t i = 0; i < command->mount_count; i++) {
		const struct sandbox_mount *mount = &command->mounts[i];

		list = append(list, mount->source ? make_bind(mount) : make_tmpfs(mount));
	}
	return list;
}

static bool is_filtered(const struct sandbox_command *command)
{
	return command->filter && !command->privileged;
}

static json_t *make_linux(const struct sandbox_command *command)
{
	static const char *const nothing[] = {NULL};
	json_t *namespaces = json_pack("[{s:s}, {s:s}, {s:s}, {s:s}]", "type", "pid", "type",
				       "mount", "type", "ipc", "type", "uts");

	if (command->own_network)
		namespaces = append(namespaces, json_pack("{s:s}", "type", "network"));
	return json_pack("{s:o, s:o, s:o, s:O*}", "namespaces", namespaces, "maskedPaths",
			 list_of(command->privileged ? nothing : masked_paths), "readonlyPaths",
			 list_of(command->privileged ? nothing : read_only_paths), "seccomp",
			 is_filtered(command) ? command->filter->rules : NULL);
}

/* crun takes the program as it is instead of compiling the rules; whoever does not know the
 * annotation has the rules. */
static json_t *make_annotations(const struct sandbox_command *command)
{
	return json_pack("{s:s*}", "run.oci.seccomp_bpf_data",
			 is_filtered(command) ? command->filter->program : NULL);
}

static json_t *make_document(const struct sandbox_command *command)
{
	return json_pack("{s:s, s:o, s:{s:s, s:b}, s:s, s:o, s:o, s:o}", "ociVersion", "1.0.0",
			 "process", make_process(command), "root", "path", command->root,
			 "readonly", 0, "hostname", command->hostname, "mounts",
			 make_mounts(command), "linux", make_linux(command), "annotations",
			 make_annotations(command));
}

/* JSON is UTF-8, and so is all that can be handed to a runtime. */
static int check_text(const char *what, const char *const *words, struct msb_error *err)
{
	for (; words && *words; words++) {
		json_t *text = json_string(*words);

		if (!text)
			return msb_error_say(err, EILSEQ,
					     "%s '%s' is not UTF-8, which OCI runtimes require",
					     what, *words);
		json_decref(text);
	}
	return 0;
}

int bundle_write(const struct sandbox_command *command, struct msb_error *err)
{
	autofree char *name = NULL, *text = NULL;
	json_t *document;
	int r = check_text("argument", command->argv, err);

	r = r < 0 ? r : check_text("environment variable", command->env, err);
	if (r < 0)
		return r;
	document = make_document(command);
	text = document ? json_dumps(document, JSON_COMPACT) : NULL;
	json_decref(document);
	if (!text)
		return msb_error_say(err, EINVAL,
				     "the command's bundle cannot be written: out of memory, or a "
				     "name that is not UTF-8");
	name = buffer_format("%s/config.json", command->scratch);
	if (!name)
		return msb_error_memory(err);
	return io_write_file(AT_FDCWD, name, text, strlen(text), 0600, err);
}
