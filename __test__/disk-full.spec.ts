/** A full disk, made of a small file system in memory that is mounted for the test. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { MemoryMappedFile, type MmapIoError } from '#mmap-io'
import { asRootOnLinux } from './support/conditions.ts'
import { pattern, tempFolder } from './support/files.ts'

function smallDisk(t: ExecutionContext): string {
  const folder = tempFolder(t)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
  t.teardown(() => execFileSync('umount', ['--lazy', folder]))
  return folder
}

const freeBytes = (folder: string) => {
  const { bfree, bsize } = statfsSync(folder)
  return bfree * bsize
}

asRootOnLinux('createRw on a full disk is ENOSPC and leaves nothing behind', async (t) => {
  const folder = smallDisk(t)
  const free = freeBytes(folder)
  const path = join(folder, 'big')
  const error = await t.throwsAsync<MmapIoError>(() => MemoryMappedFile.createRw(path, 10 << 20))
  t.like(error, { kind: 'Io', code: 'ENOSPC', syscall: 'fallocate', path })
  t.throws(() => MemoryMappedFile.createRwSync(path, 10 << 20), { code: 'ENOSPC' })
  await t.throwsAsync(() => MemoryMappedFile.open(path, { mode: 'read-write', create: 'if-missing', size: 10 << 20 }), { code: 'ENOSPC' })
  await t.throwsAsync(() => MemoryMappedFile.open(path, { mode: 'read-write', create: 'exclusive', size: 10 << 20 }), { code: 'ENOSPC' })
  t.deepEqual(readdirSync(folder), [])
  t.is(freeBytes(folder), free)
})

asRootOnLinux('createRw on a full disk leaves a file that existed empty', async (t) => {
  const path = join(smallDisk(t), 'file')
  writeFileSync(path, 'content')
  await t.throwsAsync(() => MemoryMappedFile.createRw(path, 10 << 20), { code: 'ENOSPC' })
  t.is(statSync(path).size, 0)
})

asRootOnLinux('a resize on a full disk is ENOSPC; file, length and mapping stay, and the blocks come back', async (t) => {
  const folder = smallDisk(t)
  const path = join(folder, 'file')
  writeFileSync(path, pattern(5000))
  const mapping = await MemoryMappedFile.openRw(path)
  const view = mapping.asSlice()
  const free = freeBytes(folder)
  const error = await t.throwsAsync<MmapIoError>(() => mapping.resize(10 << 20))
  t.like(error, { kind: 'Io', code: 'ENOSPC', syscall: 'fallocate', path })
  t.throws(() => mapping.resizeSync(10 << 20), { code: 'ENOSPC' })
  t.is(mapping.length, 5000)
  t.is(statSync(path).size, 5000)
  t.is(freeBytes(folder), free)
  t.deepEqual(view, pattern(5000))
  await mapping.resize(100_000)
  mapping.updateRegion(99_999, 'x')
  mapping.close()
})

asRootOnLinux('a sparse file is larger than the disk, and creating it is no error', async (t) => {
  const path = join(smallDisk(t), 'sparse')
  const mapping = await MemoryMappedFile.createRw(path, 10 << 20, { sparse: true })
  t.is(mapping.length, 10 << 20)
  t.true(existsSync(path))
  await mapping.resize(20 << 20)
  t.is(statSync(path).size, 20 << 20)
  mapping.close()
})
