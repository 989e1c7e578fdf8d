/* What msb needs of the machine it runs on, and whether that is there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "internal.h"
#include "process.h"
#include "sandbox.h"

static void say(struct msb_host_fact *fact, const char *name, bool good, const char *text)
{
	fact->name = name;
	fact->good = good;
	snprintf(fact->text, sizeof(fact->text), "%.*s", (int)sizeof(fact->text) - 1, text);
}

static bool kernel_knows(const char *file_system)
{
	char line[128];
	bool known = false;
	FILE *file = fopen("/proc/filesystems", "re");

	while (file && !known && fgets(line, sizeof(line), file)) {
		const char *name = strrchr(line, '\t');

		known = name && strncmp(name + 1, file_system, strlen(file_system)) == 0;
	}
	if (file)
		fclose(file);
	return known;
}

static void look_at_store(const char *root, struct msb_host_fact *fact)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct msb_error error = {0};
	int r = msb_store_open(root, &store, &error);

	if (r == -ENOENT)
		say(fact, "store", true, "not made yet (the first build makes it)");
	else
		say(fact, "store", r >= 0, r < 0 ? error.text : root);
}

int msb_host_facts(const char *root, struct msb_host_fact **ret, size_t *ret_count,
		   struct msb_error *err)
{
	struct msb_host_fact *facts = calloc(9, sizeof(*facts));
	struct msb_error error = {0};
	struct utsname host;
	const char *runtime, *profile;
	size_t n = 0;
	bool good;

	if (!facts)
		return msb_error_memory(err);
	look_at_store(root, &facts[n++]);
	uname(&host);
	say(&facts[n++], "kernel", true, host.release);
	good = sandbox_find_runtime(&runtime, &error) >= 0;
	say(&facts[n++], "runtime", good, good ? runtime : error.text);
	good = access("/dev/fuse", R_OK | W_OK) == 0;
	say(&facts[n++], "fuse", good,
	    good ? "/dev/fuse"
		 : "no usable /dev/fuse (modprobe fuse, or give the container the device)");
	good = kernel_knows("overlay");
	say(&facts[n++], "overlayfs", good, good ? "in the kernel" : "missing (modprobe overlay)");
	good = geteuid() == 0 || (process_in_path("newuidmap") && process_in_path("fusermount3"));
	say(&facts[n++], "user", good,
	    geteuid() == 0 ? "root"
	    : good         ? "an ordinary user, with newuidmap and fusermount3"
			   : "an ordinary user needs newuidmap and fusermount3 (apt install uidmap "
			     "fuse3)");
	profile = sandbox_filter_default();
	say(&facts[n++], "seccomp", profile != NULL,
	    profile ? profile
		    : "no profile of system calls, so RUN may make all of them (apt install "
		      "golang-github-containers-common)");
	*ret = facts;
	*ret_count = n;
	return 0;
}
