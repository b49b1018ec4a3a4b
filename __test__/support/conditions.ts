/** Tests that need something of the machine. Where it is missing they are skipped, and the report says so. */
import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import test from 'ava'
import { capabilities } from '#mmap-io'

const isLinux = process.platform === 'linux'
const isRoot = process.getuid?.() === 0

/** Linux: its files in /proc, its block counts, its special files. */
export const onLinux = isLinux ? test : test.skip

/** Root on Linux: to become another user, to mount a small file system. */
export const asRootOnLinux = isLinux && isRoot ? test : test.skip

/** Everywhere but Windows, which tells no residency and has other file permissions. */
export const onUnix = process.platform === 'win32' ? test.skip : test

const TMPFS = 0x01021994

/** Where evict() drops the pages of a file: not on other systems, and not where the file has no other place than memory. */
export const withEviction = capabilities.evict && capabilities.residency && statfsSync(tmpdir()).type !== TMPFS ? test : test.skip

/** `ArrayBuffer.prototype.transfer`: Node 22 and later. */
export const withTransfer = Reflect.has(ArrayBuffer.prototype, 'transfer') ? test : test.skip
