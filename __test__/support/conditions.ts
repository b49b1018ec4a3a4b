/** Tests that need something of the machine. Where it is missing they are skipped, and the report says so. */
import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import test from 'ava'
import { capabilities } from '#mmap-io'
import { isEmptied, isLive, view } from './view.ts'

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

/** Views that show the mapped memory itself: not in view mode 'copy'. */
export const withLiveViews = isLive ? test : test.skip

/** Mappings of any length: not in view mode 'wasm', which ends at 4 GiB. */
export const withoutLimit = view === 'wasm' ? test.skip : test

/** Live views of any length. */
export const withLongViews = view === 'wasm' ? test.skip : withLiveViews

/** Views that close() makes empty: not in the view modes 'shared' and 'copy'. */
export const withEmptiedViews = isEmptied ? test : test.skip

/** Live views on a system whose closed files let their pages go: not on Windows. */
export const withLiveViewsOnUnix = process.platform === 'win32' ? test.skip : withLiveViews

/** `ArrayBuffer.prototype.transfer` of a view's buffer: Node 22 and later, view mode 'external'. */
export const withTransfer = view === 'external' && Reflect.has(ArrayBuffer.prototype, 'transfer') ? test : test.skip

/** Where a file that others cut is survived. */
export const withGuard = capabilities.faultGuard ? test : test.skip
