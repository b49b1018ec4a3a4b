/** The operations as plain functions. */
import { execFileSync } from 'node:child_process'
import { existsSync, linkSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import {
  copyMmap,
  copyMmapSync,
  createMmap,
  createMmapSync,
  deleteMmap,
  deleteMmapSync,
  flush,
  flushSync,
  loadMmap,
  loadMmapSync,
  MemoryMappedFile,
  type MmapIoError,
  updateRegion,
  writeMmap,
  writeMmapSync,
} from '#mmap-io'
import { onLinux } from './support/conditions.ts'
import { pattern, tempFile, tempFolder } from './support/files.ts'
import { outcome } from './support/outcome.ts'

test('createMmap and loadMmap give mappings', async (t) => {
  const path = join(tempFolder(t), 'file')
  for (const mapping of [await createMmap(path, 100), createMmapSync(path, 100)]) {
    t.deepEqual([mapping.length, mapping.mode, mapping.path], [100, 'read-write', path])
    mapping.close()
  }
  for (const mode of ['read-only', 'read-write', 'copy-on-write'] as const) {
    for (const mapping of [await loadMmap(path, mode), loadMmapSync(path, mode)]) {
      t.deepEqual([mapping.length, mapping.mode], [100, mode])
      mapping.close()
    }
  }
})

test('updateRegion and flush are those of the mapping', async (t) => {
  const path = tempFile(t, pattern(100))
  const mapping = loadMmapSync(path, 'read-write')
  updateRegion(mapping, 10, 'abc')
  t.is(mapping.pendingBytes, 3)
  await flush(mapping)
  updateRegion(mapping, 13, 'def')
  flushSync(mapping)
  t.is(mapping.pendingBytes, 0)
  mapping.close()
  t.is(readFileSync(path).toString('latin1', 10, 16), 'abcdef')
  t.is(await outcome(() => flush(mapping)), 'Closed')
})

test('writeMmap stores any bytes in a file, and copies them before it returns', async (t) => {
  const path = tempFile(t, Buffer.alloc(40))
  const data = Buffer.from('first')
  const written = writeMmap(path, 0, data)
  data.fill(0)
  await written
  writeMmapSync(path, 5, 'Grüße')
  await writeMmap(path, 12, new Uint16Array([0x6161, 0x6262]).subarray(1))
  const shared = new SharedArrayBuffer(2)
  new Uint8Array(shared).set([7, 8])
  writeMmapSync(path, 14, shared)
  await writeMmap(path, 16, new DataView(new ArrayBuffer(4), 1, 2))
  await writeMmap(path, 99, '')
  const expected = Buffer.concat([Buffer.from('firstGrüßebb'), Buffer.from([7, 8]), Buffer.alloc(24)])
  t.deepEqual(readFileSync(path), expected)
})

test('writeMmap fails as the mapping would, and stores nothing then', async (t) => {
  const path = tempFile(t, pattern(100))
  const cases: [path: string, offset: number, expected: string][] = [
    [path, 99, 'OutOfBounds'],
    [tempFile(t), 0, 'ResizeFailed'],
    [join(tempFolder(t), 'missing'), 0, 'Io'],
    [tempFolder(t), 0, 'Io'],
  ]
  for (const [target, offset, expected] of cases) {
    t.is(await outcome(() => writeMmap(target, offset, 'ab')), expected)
    t.is(await outcome(() => writeMmapSync(target, offset, 'ab')), expected)
  }
  t.deepEqual(readFileSync(path), pattern(100))
})

test('copyMmap copies content into a new file and over an old one', async (t) => {
  const [source, target] = [tempFile(t, pattern(100_000)), join(tempFolder(t), 'copy')]
  await copyMmap(source, target)
  t.deepEqual(readFileSync(target), pattern(100_000))
  writeFileSync(source, 'short')
  copyMmapSync(source, target)
  t.is(readFileSync(target, 'utf8'), 'short')
  truncateSync(source, 2 ** 20)
  await copyMmap(source, target)
  t.is(statSync(target).size, 2 ** 20)
})

test('copyMmap refuses the same file, by other names too, and leaves it as it is', async (t) => {
  const folder = tempFolder(t)
  const path = join(folder, 'file')
  writeFileSync(path, 'content')
  linkSync(path, join(folder, 'hard'))
  symlinkSync(path, join(folder, 'soft'))
  for (const other of [path, join(folder, 'hard'), join(folder, 'soft'), join(folder, '.', 'file')]) {
    const error = await t.throwsAsync<MmapIoError>(() => copyMmap(path, other), undefined, other)
    t.like(error, { kind: 'Io', code: 'EINVAL', syscall: 'copyfile', path })
    t.true(error.message.endsWith(`'${path}' -> '${other}'`), error.message)
    t.throws(() => copyMmapSync(other, path), { code: 'EINVAL' })
  }
  t.is(readFileSync(path, 'utf8'), 'content')
})

onLinux('copyMmap of or onto what is no file fails at once', async (t) => {
  const folder = tempFolder(t)
  const [fifo, file] = [join(folder, 'fifo'), join(folder, 'file')]
  execFileSync('mkfifo', [fifo])
  writeFileSync(file, 'content')
  for (const [source, destination, code] of [
    [fifo, join(folder, 'new'), 'EINVAL'],
    [folder, join(folder, 'new'), 'EINVAL'],
    [file, fifo, 'ENXIO'],
    [file, folder, 'EISDIR'],
  ] as const) {
    await t.throwsAsync(() => copyMmap(source, destination), { code })
    t.throws(() => copyMmapSync(source, destination), { code })
  }
  t.false(existsSync(join(folder, 'new')))
})

test('deleteMmap removes the name, and a mapping goes on working', async (t) => {
  const path = tempFile(t, 'content')
  const mapping = MemoryMappedFile.openRoSync(path)
  await deleteMmap(path)
  t.false(existsSync(path))
  t.is(mapping.asSlice().toString(), 'content')
  mapping.close()
  writeFileSync(path, 'again')
  deleteMmapSync(path)
  t.false(existsSync(path))
  const error = await t.throwsAsync<MmapIoError>(() => deleteMmap(path))
  t.like(error, { kind: 'Io', code: 'ENOENT', errno: -2, syscall: 'unlink', path })
  t.throws(() => deleteMmapSync(path), { code: 'ENOENT', message: error.message })
})

test('misuse is told before anything happens, and promises reject', async (t) => {
  const path = tempFile(t, pattern(100))
  const mapping = loadMmapSync(path, 'read-write')
  const loose = {
    copyMmap,
    copyMmapSync,
    createMmap,
    deleteMmap,
    flush,
    flushSync,
    loadMmap,
    loadMmapSync,
    updateRegion,
    writeMmap,
  } as Record<string, unknown> as Record<string, (...args: unknown[]) => unknown>
  const calls: [() => unknown, string][] = [
    [() => loose.createMmap?.(path, -1), 'ERR_OUT_OF_RANGE'],
    [() => loose.createMmap?.(path), 'ERR_INVALID_ARG_TYPE'],
    [() => loose.loadMmap?.(path), 'ERR_INVALID_ARG_VALUE'],
    [() => loose.loadMmapSync?.(path, 'rw'), 'ERR_INVALID_ARG_VALUE'],
    [() => loose.writeMmap?.(path, -1, 'x'), 'ERR_OUT_OF_RANGE'],
    [() => loose.writeMmap?.(path, 0, 5), 'ERR_INVALID_ARG_TYPE'],
    [() => loose.writeMmap?.(5, 0, 'x'), 'ERR_INVALID_ARG_TYPE'],
    [() => loose.updateRegion?.(path, 0, 'x'), 'ERR_INVALID_ARG_TYPE'],
    [() => loose.flush?.({ flush() {} }), 'ERR_INVALID_ARG_TYPE'],
    [() => loose.flushSync?.(null), 'ERR_INVALID_ARG_TYPE'],
    [() => loose.copyMmap?.(path, 5), 'ERR_INVALID_ARG_TYPE'],
    [() => loose.copyMmapSync?.(undefined, path), 'ERR_INVALID_ARG_TYPE'],
    [() => loose.copyMmap?.(path, 'a\0b'), 'ERR_INVALID_ARG_VALUE'],
    [() => loose.deleteMmap?.(null), 'ERR_INVALID_ARG_TYPE'],
  ]
  for (const [call, code] of calls) t.is(await outcome(call), code, String(call))
  for (const name of ['createMmap', 'loadMmap', 'writeMmap', 'flush', 'copyMmap', 'deleteMmap']) {
    let promise: unknown
    t.notThrows(() => {
      promise = loose[name]?.()
    }, name)
    await t.throwsAsync(promise as Promise<unknown>, undefined, name)
  }
  await t.throwsAsync(() => copyMmap(path, 5 as never), { message: /"destination"/ })
  t.deepEqual(readFileSync(path), pattern(100))
  mapping.close()
})
