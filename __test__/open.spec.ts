/** Opening and creating, as seen from JavaScript. */
import { execFileSync } from 'node:child_process'
import fs, { existsSync, readFileSync, statSync } from 'node:fs'
import { open as openHandle } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { capabilities, MemoryMappedFile, MmapIoError, type OpenOptions, pageSize } from '#mmap-io'
import { prelude, run } from './support/child.ts'
import { asRootOnLinux, onLinux, onUnix } from './support/conditions.ts'
import { pattern, tempFile, tempFolder } from './support/files.ts'

test('createRw gives a new file zero bytes and maps it', async (t) => {
  const path = join(tempFolder(t), 'new')
  const mapping = await MemoryMappedFile.createRw(path, 5000)
  t.is(mapping.length, 5000)
  t.is(mapping.mode, 'read-write')
  t.is(mapping.viewMode, capabilities.defaultView)
  t.is(mapping.path, path)
  t.is(mapping.flushPolicy, 'manual')
  t.deepEqual(mapping.readBytes(), Buffer.alloc(5000))
  mapping.updateRegion(4995, 'hello')
  mapping.close()
  t.is(readFileSync(path).toString('latin1', 4995), 'hello')
})

test('createRw empties a file that exists', async (t) => {
  const path = tempFile(t, pattern(10_000))
  const mapping = MemoryMappedFile.createRwSync(path, 100)
  t.deepEqual(mapping.readBytes(), Buffer.alloc(100))
  mapping.close()
  t.is(statSync(path).size, 100)
})

test('createRw refuses a size of 0 before it touches the file', async (t) => {
  const path = tempFile(t, 'keep')
  await t.throwsAsync(() => MemoryMappedFile.createRw(path, 0), { instanceOf: MmapIoError, code: 'ERR_MMAP_RESIZE_FAILED' })
  t.throws(() => MemoryMappedFile.createRwSync(path, 0), { instanceOf: MmapIoError, code: 'ERR_MMAP_RESIZE_FAILED' })
  t.is(readFileSync(path, 'utf8'), 'keep')
})

onLinux('createRw allocates unless the file is to be sparse', (t) => {
  const folder = tempFolder(t)
  const allocated = MemoryMappedFile.createRwSync(join(folder, 'allocated'), 1 << 20)
  const sparse = MemoryMappedFile.createRwSync(join(folder, 'sparse'), 1 << 20, { sparse: true })
  t.true(statSync(join(folder, 'allocated')).blocks * 512 >= 1 << 20)
  t.is(statSync(join(folder, 'sparse')).blocks, 0)
  allocated.close()
  sparse.close()
})

test('each mode sees the bytes and stores where it should', (t) => {
  const path = tempFile(t, 'original')
  const readOnly = MemoryMappedFile.openRoSync(path)
  const copy = MemoryMappedFile.openCowSync(path)
  const writable = MemoryMappedFile.openRwSync(path)
  t.deepEqual([readOnly.mode, copy.mode, writable.mode], ['read-only', 'copy-on-write', 'read-write'])
  copy.updateRegion(0, 'COPY')
  t.is(copy.asSlice().toString(), 'COPYinal')
  t.is(readFileSync(path, 'utf8'), 'original')
  writable.updateRegion(4, 'SEEN')
  t.is(readOnly.asSlice().toString(), 'origSEEN')
  t.is(readFileSync(path, 'utf8'), 'origSEEN')
  for (const mapping of [readOnly, copy, writable]) mapping.close()
})

test('a stray store into a view of a read-only mapping neither crashes nor reaches the file', (t) => {
  const path = tempFile(t, 'original')
  const mapping = MemoryMappedFile.openRoSync(path)
  mapping.asSlice().fill(0x21)
  mapping.close()
  t.is(readFileSync(path, 'utf8'), 'original')
})

test('windows begin at any byte', async (t) => {
  const bytes = pattern(3 * pageSize())
  const path = tempFile(t, bytes)
  for (const offset of [0, 1, 13, pageSize() - 1, pageSize(), pageSize() + 1, 2 * pageSize() + 7]) {
    const mapping = await MemoryMappedFile.openRw(path, { offset, length: 100 })
    t.is(mapping.length, 100)
    t.deepEqual(mapping.readBytes(), bytes.subarray(offset, offset + 100))
    t.throws(() => mapping.asSlice(99, 2), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
    mapping.close()
    const rest = MemoryMappedFile.openRoSync(path, { offset })
    t.is(rest.length, bytes.length - offset)
    rest.close()
  }
})

test('a window at the end is empty and one past it is out of bounds', (t) => {
  const path = tempFile(t, pattern(100))
  const empty = MemoryMappedFile.openRoSync(path, { offset: 100 })
  t.true(empty.isEmpty)
  t.throws(() => MemoryMappedFile.openRwSync(path, { offset: 100 }), { code: 'ERR_MMAP_RESIZE_FAILED' })
  const error = t.throws<MmapIoError>(() => MemoryMappedFile.openRoSync(path, { offset: 90, length: 11 }))
  t.like(error, { kind: 'OutOfBounds', offset: 90, length: 11, total: 100 })
  t.throws(() => MemoryMappedFile.openRoSync(path, { offset: 101 }), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  empty.close()
})

test('open creates as it is told', async (t) => {
  const path = join(tempFolder(t), 'file')
  const open = (options: OpenOptions) => MemoryMappedFile.open(path, { mode: 'read-write', ...options })
  await t.throwsAsync(() => open({}), { code: 'ENOENT' })
  await t.throwsAsync(() => open({ create: 'if-missing' }), { code: 'ERR_MMAP_RESIZE_FAILED' })
  t.false(existsSync(path))
  const created = await open({ create: 'if-missing', size: 10 })
  created.updateRegion(0, 'content...')
  created.close()
  const kept = await open({ create: 'if-missing', size: 99 })
  t.is(kept.asSlice().toString(), 'content...')
  kept.close()
  await t.throwsAsync(() => open({ create: 'exclusive', size: 10 }), { code: 'EEXIST' })
  await t.throwsAsync(() => open({ create: 'truncate', size: 0 }), { code: 'ERR_MMAP_RESIZE_FAILED' })
  await t.throwsAsync(() => open({ create: 'truncate' }), { code: 'ERR_MMAP_RESIZE_FAILED' })
  await t.throwsAsync(() => open({ create: 'truncate', size: 5, offset: 6 }), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  t.is(readFileSync(path, 'utf8'), 'content...')
  const emptied = await open({ create: 'truncate', size: 3 })
  t.deepEqual(emptied.readBytes(), Buffer.alloc(3))
  emptied.close()
  const read = await MemoryMappedFile.open(path)
  t.is(read.mode, 'read-only')
  read.close()
})

test('openOrCreate creates, extends an empty file, and keeps one that has bytes', async (t) => {
  const path = join(tempFolder(t), 'file')
  const created = await MemoryMappedFile.openOrCreate(path, 100)
  t.deepEqual([created.length, created.mode], [100, 'read-write'])
  created.updateRegion(0, 'kept')
  created.close()
  const again = MemoryMappedFile.openOrCreateSync(path, 5000)
  t.is(again.asSlice(0, 4).toString(), 'kept')
  t.is(again.length, 100)
  again.close()
  const empty = await MemoryMappedFile.openOrCreate(tempFile(t), 10, { offset: 4 })
  t.is(empty.length, 6)
  empty.close()
})

test('openOrCreate refuses a size of 0 before it touches anything', async (t) => {
  const path = join(tempFolder(t), 'file')
  await t.throwsAsync(() => MemoryMappedFile.openOrCreate(path, 0), { code: 'ERR_MMAP_RESIZE_FAILED' })
  t.throws(() => MemoryMappedFile.openOrCreateSync(path, 0), { code: 'ERR_MMAP_RESIZE_FAILED' })
  t.false(existsSync(path))
})

test('all who open or create a file at once get the same one, in other processes too', async (t) => {
  const path = join(tempFolder(t), 'file')
  const program = `${prelude}
    const at = Number(process.argv[2])
    const all = await Promise.all(Array.from({ length: 8 }, () => MemoryMappedFile.openOrCreate(path, 64)))
    for (const [index, mapping] of all.entries()) mapping.updateRegion(at + index, Buffer.of(at + index + 1))
    print(all.map((mapping) => mapping.length))`
  const ended = await Promise.all([0, 8, 16, 24].map((at) => run(program, [path, String(at)])))
  for (const { stdout, stderr } of ended) t.is(stdout.trim(), JSON.stringify(Array(8).fill(64)), stderr)
  t.deepEqual(
    [...readFileSync(path).subarray(0, 32)],
    Array.from({ length: 32 }, (_, index) => index + 1),
  )
})

test('an empty file is an empty mapping for reading and ResizeFailed for writing', async (t) => {
  const path = tempFile(t)
  const mapping = await MemoryMappedFile.openRo(path)
  t.is(mapping.length, 0)
  t.true(mapping.isEmpty)
  t.is(mapping.asSlice().length, 0)
  t.is(mapping.dataView().byteLength, 0)
  t.is(mapping.typedArray(Float64Array).length, 0)
  await mapping.flush()
  mapping.close()
  await t.throwsAsync(() => MemoryMappedFile.openRw(path), { code: 'ERR_MMAP_RESIZE_FAILED' })
  await t.throwsAsync(() => MemoryMappedFile.openCow(path), { code: 'ERR_MMAP_RESIZE_FAILED' })
})

test('errors of the operating system carry code, errno, syscall and path', async (t) => {
  const path = join(tempFolder(t), 'missing')
  const error = await t.throwsAsync<MmapIoError>(() => MemoryMappedFile.openRo(path))
  t.like(error, { name: 'MmapIoError', kind: 'Io', code: 'ENOENT', errno: -2, syscall: 'open', path })
  t.is(error.message, `ENOENT: no such file or directory, open '${path}'`)
  const twin = t.throws<MmapIoError>(() => MemoryMappedFile.openRoSync(path))
  t.like(twin, { kind: error.kind, code: error.code, errno: error.errno, syscall: error.syscall, path, message: error.message })
})

test('a folder is EISDIR in every mode', async (t) => {
  const folder = tempFolder(t)
  for (const mode of ['read-only', 'read-write', 'copy-on-write'] as const) {
    await t.throwsAsync(() => MemoryMappedFile.open(folder, { mode }), { code: 'EISDIR' }, mode)
  }
})

onLinux('a FIFO, a socket, a device and a file of /proc are Unsupported, at once', async (t) => {
  const fifo = join(tempFolder(t), 'fifo')
  execFileSync('mkfifo', [fifo])
  const socket = join(tempFolder(t), 'socket')
  const { createServer } = await import('node:net')
  const server = createServer().listen(socket)
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => server.close())
  for (const path of [fifo, socket, '/dev/null', '/proc/self/status']) {
    const error = await t.throwsAsync<MmapIoError>(() => MemoryMappedFile.openRo(path), { instanceOf: MmapIoError }, path)
    t.is(error.kind, 'Unsupported', path)
    t.throws(() => MemoryMappedFile.openRoSync(path), { instanceOf: MmapIoError }, path)
  }
  await t.throwsAsync(() => MemoryMappedFile.openRw(fifo), { instanceOf: MmapIoError })
  t.true(statSync(fifo).isFIFO())
})

test('fromFd duplicates the descriptor before it returns', async (t) => {
  const path = tempFile(t, 'content')
  const fd = fs.openSync(path, 'r+')
  const promise = MemoryMappedFile.fromFd(fd, { mode: 'read-write' })
  fs.closeSync(fd)
  const mapping = await promise
  t.is(mapping.path, null)
  mapping.updateRegion(0, 'CON')
  t.is(readFileSync(path, 'utf8'), 'CONtent')
  mapping.close()
  const handle = await openHandle(path)
  const fromHandle = MemoryMappedFile.fromFdSync(handle, { offset: 3 })
  await handle.close()
  t.is(fromHandle.asSlice().toString(), 'tent')
  fromHandle.close()
})

test('fromFd of a descriptor that cannot write refuses a writable mapping', async (t) => {
  const fd = fs.openSync(tempFile(t, 'content'), 'r')
  t.teardown(() => fs.closeSync(fd))
  await t.throwsAsync(() => MemoryMappedFile.fromFd(fd, { mode: 'read-write' }), { instanceOf: MmapIoError, code: 'EACCES' })
  const copy = MemoryMappedFile.fromFdSync(fd, { mode: 'copy-on-write' })
  copy.updateRegion(0, 'C')
  copy.close()
})

// Root may write everything, so as root another user has to try; the program makes itself that user.
onUnix('a file without write permission opens for reading and privately, and is EACCES for writing', async (t) => {
  const path = tempFile(t, 'content')
  fs.chmodSync(join(path, '..'), 0o755)
  fs.chmodSync(path, 0o444)
  const program = `${prelude}
    if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534) }
    const read = await MemoryMappedFile.openRo(path)
    const copy = await MemoryMappedFile.openCow(path)
    copy.updateRegion(0, 'C')
    const error = await MemoryMappedFile.openRw(path).catch((error) => error)
    print([read.asSlice().toString(), copy.asSlice().toString(), error.kind, error.code])`
  const { stdout, stderr } = await run(program, [path])
  t.is(stdout.trim(), '["content","Content","Io","EACCES"]', stderr)
})

asRootOnLinux('residency is Unsupported with EPERM for a file that is neither owned nor writable', async (t) => {
  const path = tempFile(t, pattern(10_000))
  fs.chmodSync(join(path, '..'), 0o755)
  fs.chmodSync(path, 0o644)
  const program = `${prelude}
    process.setgid(65534); process.setuid(65534)
    const mapping = MemoryMappedFile.openRoSync(path)
    try { print(mapping.residency()) } catch (error) { print([error.kind, error.code, error.syscall]) }`
  const { stdout, stderr } = await run(program, [path])
  t.is(stdout.trim(), '["Unsupported","EPERM","mincore"]', stderr)
})

onUnix('residency tells the pages of the page cache', (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, pattern(2 * pageSize() + 5)))
  t.deepEqual(mapping.residency(), {
    pageSize: pageSize(),
    pages: 3,
    residentPages: 3,
    residentBytes: 2 * pageSize() + 5,
    map: new Uint8Array([1, 1, 1]),
  })
  t.like(mapping.residency(pageSize() - 1, 2), { pages: 2, residentPages: 2, residentBytes: 2 })
  t.like(mapping.residency(7, 0), { pages: 0, residentPages: 0, residentBytes: 0 })
  mapping.close()
  const hole = tempFile(t)
  fs.truncateSync(hole, 100 * pageSize())
  const sparse = MemoryMappedFile.openRoSync(hole)
  t.is(sparse.residency().residentPages, 0)
  sparse.close()
})

onLinux('advice is given to the kernel, and again after the file is mapped anew', async (t) => {
  const path = tempFile(t, pattern(10_000))
  const program = `${prelude}
    const flags = () => fs.readFileSync('/proc/self/smaps', 'utf8').split(path)[1].match(/VmFlags: (.*)/)[1].split(' ').filter((flag) => ['rr', 'sr'].includes(flag))
    const seen = []
    for (const advice of [undefined, 'normal', 'random', 'sequential']) {
      const mapping = MemoryMappedFile.openRwSync(path, { advice })
      seen.push(flags())
      mapping.resizeSync(mapping.length + 100_000)
      seen.push(flags())
      mapping.close()
    }
    print(seen)`
  const { stdout, stderr } = await run(program, [path])
  t.deepEqual(JSON.parse(stdout), [[], [], [], [], ['rr'], ['rr'], ['sr'], ['sr']], stderr)
})

onLinux('touch eager maps every page before the call ends', async (t) => {
  const path = tempFile(t, pattern(100 * pageSize()))
  const program = `${prelude}
    const parts = () => fs.readFileSync('/proc/self/smaps', 'utf8').split(path).slice(1)
    const resident = () => parts().map((part) => Number(part.match(/Rss: +(\\d+)/)[1])).reduce((sum, size) => sum + size)
    const seen = []
    for (const touch of ['never', 'lazy', 'eager']) {
      const mapping = MemoryMappedFile.openRoSync(path, { touch, hugePages: true })
      seen.push(resident())
      mapping.close()
    }
    print(seen)`
  const { stdout, stderr } = await run(program, [path])
  t.deepEqual(JSON.parse(stdout), [0, 0, (100 * pageSize()) / 1024], stderr)
})

test('a timed flush policy flushes by itself, and not after close', async (t) => {
  const path = tempFile(t, Buffer.alloc(1000))
  const mapping = await MemoryMappedFile.openRw(path, { flushPolicy: { everyMillis: 5 } })
  t.deepEqual(mapping.flushPolicy, { everyMillis: 5 })
  for (let round = 0; round < 3; round++) {
    mapping.updateRegion(0, 'timed')
    const end = Date.now() + 30_000
    while (mapping.pendingBytes > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 1))
    t.is(mapping.pendingBytes, 0)
  }
  mapping.close()
  const manual = await MemoryMappedFile.openRw(path, { flushPolicy: { everyMillis: 0 } })
  t.is(manual.flushPolicy, 'manual')
  manual.close()
})

test('a view mode that cannot be had is Unsupported, names what can, and creates nothing', async (t) => {
  const path = join(tempFolder(t), 'new')
  for (const view of ['external', 'shared', 'wasm', 'copy'] as const) {
    if (capabilities.views.includes(view)) continue
    const error = await t.throwsAsync<MmapIoError>(() => MemoryMappedFile.createRw(path, 10, { view }))
    t.is(error.kind, 'Unsupported')
    t.regex(error.message, /'copy'/)
  }
  t.false(existsSync(path))
})

test('where the runtime refuses external buffers, mappings have another view mode', async (t) => {
  const program = `${prelude}
    const { capabilities } = await import('#mmap-io')
    const mapping = await MemoryMappedFile.createRw(path, 10)
    mapping.updateRegion(0, 'bytes')
    const error = await MemoryMappedFile.openRo(path, { view: 'external' }).catch((error) => error)
    print([capabilities.views.filter((view) => view === 'external' || view === 'shared'), mapping.asSlice(0, 5).toString(), error.kind])`
  const { stdout, stderr } = await run(program, [join(tempFolder(t), 'new')], [], { MMAP_IO_VIEW: 'no-external' })
  t.is(stdout.trim(), '[[],"bytes","Unsupported"]', stderr)
})

test('a CommonJS program can require the package', async (t) => {
  const source = `const { createRequire } = await import('node:module')
    const require = createRequire(process.cwd() + '/index.js')
    console.log(typeof require('#mmap-io').MemoryMappedFile.openRo)`
  const { stdout, stderr } = await run(source)
  t.is(stdout.trim(), 'function', stderr)
})

onLinux('a mapping that a limit refuses is ENOMEM and names the limits', async (t) => {
  const path = tempFile(t)
  fs.truncateSync(path, 64 * 2 ** 30)
  const program = `import('#mmap-io').then(({ MemoryMappedFile }) => {
    try { MemoryMappedFile.openRoSync(process.argv[1]) } catch (error) { console.log(JSON.stringify([error.kind, error.code, error.syscall, error.message])) }
  })`
  const command = 'ulimit -d 8000000; exec "$0" --eval "$1" -- "$2"'
  const stdout = execFileSync('bash', ['-c', command, process.execPath, program, path], { encoding: 'utf8' })
  const [kind, code, syscall, message] = JSON.parse(stdout)
  t.deepEqual([kind, code, syscall], ['Io', 'ENOMEM', 'mmap'])
  t.regex(message, /^ENOMEM: .*, mmap '.*' \(.*RLIMIT_DATA.*overcommit/)
})
