/* Stands in for the fuzzer: gives every file of the directories named to the target once. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include <msb/cleanup.h>

#include "io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The number of files, or -1. */
static int replay(const char *path)
{
	autoclosedir DIR *dir = opendir(path);
	struct dirent *entry;
	int count = 0;

	while (dir && (entry = readdir(dir))) {
		struct msb_error err = {0};
		autobuffer content = {0};

		if (entry->d_type != DT_REG)
			continue;
		if (io_read_file(dirfd(dir), entry->d_name, 64 << 20, &content, &err) < 0) {
			fprintf(stderr, "%s\n", err.text);
			return -1;
		}
		LLVMFuzzerTestOneInput(content.bytes, content.size);
		count++;
	}
	return dir ? count : -1;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int count = replay(argv[i]);

		if (count < 1) {
			fprintf(stderr, "%s: nothing to replay\n", argv[i]);
			return EXIT_FAILURE;
		}
		printf("%s: %d inputs\n", argv[i], count);
	}
	return argc > 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
