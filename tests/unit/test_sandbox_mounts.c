/* What is mounted into the sandbox, and the overlays below it. */
#include "sandbox_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "buffer.h"
#include "io.h"

TEST(a_read_only_bind_refuses_to_be_written_and_a_writable_one_keeps_it)
{
	char ro[128], rw[128], file[128];
	struct sandbox_command command =
		command_of(SHELL("cat /mnt/ro/given; (echo x > /mnt/ro/new) 2>/dev/null;"
				 "echo $?; echo kept > /mnt/rw/new"));
	struct sandbox_mount binds[] = {
		{path_of(ro, "ro"), "/mnt/ro", true, 0},
		{path_of(rw, "rw"), "/mnt/rw", false, 0},
	};
	autobuffer text = {0};
	autooutcome outcome = {0};

	make_dir("ro");
	make_dir("rw");
	assert_int_equal(
		io_write_file(AT_FDCWD, path_of(file, "ro/given"), "given\n", 6, 0644, NULL), 0);
	command.mounts = binds;
	command.mount_count = 2;
	run(&command, &outcome);
	assert_ran(&outcome);
	assert_string_equal(outcome.out, "given\n1\n");
	assert_int_equal(io_read_file(AT_FDCWD, path_of(file, "rw/new"), 100, &text, NULL), 0);
	assert_int_equal(text.size, 5);
}

TEST(a_tmpfs_has_the_size_it_is_given)
{
	struct sandbox_command command =
		command_of(SHELL("df -k /mnt/ro | tail -1 | awk '{print $2}'"));
	struct sandbox_mount tmpfs = {.target = "/mnt/ro", .size = 1 << 20};
	autooutcome outcome = {0};

	command.mounts = &tmpfs;
	command.mount_count = 1;
	run(&command, &outcome);
	assert_string_equal(outcome.out, "1024\n");
}

static bool has_xattr(const char *path, const char *name)
{
	char full[64];

	snprintf(full, sizeof(full), "trusted.overlay.%s", name);
	if (lgetxattr(path, full, NULL, 0) >= 0)
		return true;
	snprintf(full, sizeof(full), "user.overlay.%s", name);
	return lgetxattr(path, full, NULL, 0) >= 0;
}

TEST(the_upper_directory_holds_what_a_command_changed)
{
	char upper[128], work[128], target[128], name[128], odd[128];
	struct sandbox_overlay overlay = {WORDS(path_of(odd, "o:d\\d,"), root),
					  path_of(upper, "up,per"), path_of(work, "work"),
					  path_of(target, "merged")};
	struct sandbox_command command = command_of(
		SHELL("rm /bin/plain; echo new > /new; rm -r /tmp; mkdir /tmp; echo $(ls /)"));
	struct msb_error err = {0};
	autooutcome outcome = {0};
	struct stat st;
	int r;

	make_dir("up,per");
	make_dir("o:d\\d,");
	make_dir("o:d\\d,/opt");
	make_dir("work");
	make_dir("merged");
	r = sandbox_overlay_mount(&overlay, &err);
	if (r < 0)
		fail_msg("%s", err.text);
	command.root = target;
	run(&command, &outcome);
	assert_ran(&outcome);
	assert_string_equal(outcome.out, "bin dev mnt new opt proc sys tmp\n");
	assert_int_equal(sandbox_overlay_unmount(target, &err), 0);

	assert_int_equal(lstat(path_of(name, "up,per/new"), &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(lstat(path_of(name, "up,per/bin/plain"), &st), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
	assert_true(has_xattr(path_of(name, "up,per/tmp"), "opaque"));
	assert_int_equal(lstat(path_of(name, "up,per/mnt"), &st), -1);
	assert_int_equal(lstat(path_of(name, "merged/bin"), &st), -1);
	assert_int_equal(lstat(path_of(name, "root/bin/plain"), &st), 0);
}

/* Root's overlays alone have it; others copy, which is slower and never different. */
TEST(a_change_of_mode_copies_no_content_where_the_kernel_allows_that)
{
	char upper[128], work[128], target[128], name[128];
	struct sandbox_overlay overlay = {WORDS(root), path_of(upper, "up2"),
					  path_of(work, "work2"), path_of(target, "merged2")};
	struct sandbox_command command =
		command_of(SHELL("chmod 700 /bin/busybox; mv /mnt /moved"));
	struct msb_error err = {0};
	autooutcome outcome = {0};
	struct stat st;

	make_dir("up2");
	make_dir("work2");
	make_dir("merged2");
	assert_int_equal(sandbox_overlay_mount(&overlay, &err), 0);
	command.root = target;
	run(&command, &outcome);
	assert_ran(&outcome);
	assert_int_equal(sandbox_overlay_unmount(target, &err), 0);
	assert_int_equal(lstat(path_of(name, "up2/bin/busybox"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	if (!ordinary_user) {
		assert_true(has_xattr(name, "metacopy"));
		assert_true(st.st_blocks < 64);
		assert_true(has_xattr(path_of(name, "up2/moved"), "redirect"));
	}
	assert_int_equal(lstat(path_of(name, "up2/moved"), &st), 0);
}

TEST(an_overlay_without_its_directories_names_the_target)
{
	struct sandbox_overlay overlay = {WORDS("/nowhere"), "/nowhere", "/nowhere", "/nowhere/m"};
	struct msb_error err = {0};

	assert_int_equal(sandbox_overlay_mount(&overlay, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/m"));
	assert_true(sandbox_overlay_unmount("/nowhere/m", &err) < 0);
}

TEST(mounts_are_not_seen_outside)
{
	char path[64], dir[128];
	autobuffer table = {0};

	make_dir("private");
	assert_int_equal(mount("none", path_of(dir, "private"), "tmpfs", 0, NULL), 0);
	snprintf(path, sizeof(path), "/proc/%d/mountinfo", outside);
	assert_int_equal(io_read_file(AT_FDCWD, path, 1 << 20, &table, NULL), 0);
	assert_null(memmem(table.bytes, table.size, dir, strlen(dir)));
	buffer_done(&table);
	assert_int_equal(io_read_file(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &table, NULL), 0);
	assert_non_null(memmem(table.bytes, table.size, dir, strlen(dir)));
	assert_int_equal(umount2(dir, 0), 0);
}

TEST(entering_twice_does_nothing_more)
{
	char before[64] = "", after[64] = "";

	assert_true(readlink("/proc/self/ns/mnt", before, sizeof(before) - 1) > 0);
	assert_int_equal(sandbox_enter(NULL), 0);
	assert_true(readlink("/proc/self/ns/mnt", after, sizeof(after) - 1) > 0);
	assert_string_equal(before, after);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_read_only_bind_refuses_to_be_written_and_a_writable_one_keeps_it),
		cmocka_unit_test(a_tmpfs_has_the_size_it_is_given),
		cmocka_unit_test(the_upper_directory_holds_what_a_command_changed),
		cmocka_unit_test(a_change_of_mode_copies_no_content_where_the_kernel_allows_that),
		cmocka_unit_test(an_overlay_without_its_directories_names_the_target),
		cmocka_unit_test(mounts_are_not_seen_outside),
		cmocka_unit_test(entering_twice_does_nothing_more),
	};
	const struct CMUnitTest alone[] = {
		cmocka_unit_test(
			a_read_only_bind_refuses_to_be_written_and_a_writable_one_keeps_it),
		cmocka_unit_test(the_upper_directory_holds_what_a_command_changed),
	};
	int part = sandbox_part(argc, argv);

	return SANDBOX_RUN(part, tests, alone);
}
