/** Tests that need something of the machine. Where it is missing they are skipped, and the report says so. */
import test from 'ava'

const isLinux = process.platform === 'linux'
const isRoot = process.getuid?.() === 0

/** Linux: its files in /proc, its block counts, its special files. */
export const onLinux = isLinux ? test : test.skip

/** Root on Linux: to become another user, to mount a small file system. */
export const asRootOnLinux = isLinux && isRoot ? test : test.skip

/** Everywhere but Windows, which tells no residency and has other file permissions. */
export const onUnix = process.platform === 'win32' ? test.skip : test

/** `ArrayBuffer.prototype.transfer`: Node 22 and later. */
export const withTransfer = Reflect.has(ArrayBuffer.prototype, 'transfer') ? test : test.skip
