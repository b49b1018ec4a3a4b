/** Limits of the operating system that bite half-way: an error that says so, and nothing left behind. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { prelude } from '../support/child.ts'
import { onLinux } from '../support/conditions.ts'
import { pattern, tempFile } from '../support/files.ts'
import { view } from '../support/view.ts'

/** Runs a program under a limit of the shell's `ulimit` and returns what it printed, parsed. */
function limited(t: ExecutionContext, limit: string, program: string, path: string): unknown {
  const shell = `ulimit ${limit} || exit 99; exec "$0" --expose-gc --input-type=module --eval "$1" -- "$2"`
  const { status, signal, stdout, stderr } = spawnSync('bash', ['-c', shell, process.execPath, prelude + program, path], {
    encoding: 'utf8',
  })
  t.deepEqual([status, signal], [0, null], stderr)
  return JSON.parse(stdout)
}

/** What a call changed that must not change when it fails. */
const leavings = `
  const told = (call) => { try { call(); return 'ok' } catch ({ kind, code, syscall }) { return [kind, code, syscall].join() } }
  const state = () => [descriptorsOf(path), mapsOf(path), fs.statSync(path).size, fs.readdirSync(path.replace(/[^/]*$/, ''))]
  const same = (before) => JSON.stringify(before) === JSON.stringify(state())`

onLinux('without descriptors opening fails with EMFILE, creates nothing and works again later', (t) => {
  const program = `${leavings}
    const mapping = MemoryMappedFile.openRwSync(path)
    const opened = []
    let spare = fs.openSync('/dev/null')
    const look = () => {
      fs.closeSync(spare)
      const seen = state()
      spare = fs.openSync('/dev/null')
      return JSON.stringify(seen)
    }
    let end = 'ok'
    while (end === 'ok') end = told(() => opened.push(MemoryMappedFile.openRoSync(path)))
    const before = look()
    const ends = [
      end,
      told(() => MemoryMappedFile.createRwSync(path + '.new', 100)),
      told(() => MemoryMappedFile.openSync(path + '.new', { mode: 'read-write', create: 'exclusive', size: 100 })),
      told(() => MemoryMappedFile.createRwSync(path, 100)),
      await MemoryMappedFile.openCow(path).then(() => 'ok', (error) => error.code),
    ]
    const clean = before === look()
    mapping.resizeSync(20000)
    mapping.updateRegion(19999, 'x')
    mapping.flushSync()
    for (const one of opened.splice(0)) one.close()
    const again = told(() => MemoryMappedFile.openRoSync(path).close())
    print([ends, clean, again, mapping.length])`
  const [ends, clean, again, length] = limited(t, '-n 60', program, tempFile(t, pattern(100))) as [string[], boolean, string, number]
  t.deepEqual(ends, ['Io,EMFILE,open', 'Io,EMFILE,open', 'Io,EMFILE,open', 'Io,EMFILE,open', 'EMFILE'])
  t.true(clean)
  t.deepEqual([again, length], ['ok', 20_000])
})

onLinux('without addresses opening and growing fail with ENOMEM and leave file, mapping and views as they were', (t) => {
  const program = `${leavings}
    const huge = 128 * 2 ** 30
    const mapping = MemoryMappedFile.openRwSync(path, { sparse: true })
    const view = mapping.asSlice()
    fs.truncateSync(path + '.huge', huge)
    const before = state()
    const ends = [
      told(() => MemoryMappedFile.openRoSync(path + '.huge')),
      told(() => MemoryMappedFile.openRwSync(path + '.huge')),
      told(() => MemoryMappedFile.openCowSync(path + '.huge')),
      told(() => MemoryMappedFile.createRwSync(path + '.new', huge, { sparse: true })),
      told(() => MemoryMappedFile.createRwSync(path, huge, { sparse: true })),
      told(() => mapping.resizeSync(huge)),
      await mapping.resize(huge).then(() => 'ok', ({ kind, code, syscall }) => [kind, code, syscall].join()),
    ]
    const clean = same(before)
    mapping.resizeSync(5000)
    print([ends, clean, mapping.readBytes(0, 3), view.subarray(0, 3), fs.readFileSync(path).subarray(0, 3)])`
  const path = tempFile(t, pattern(100))
  const folder = path.replace(/[^/]*$/, '')
  spawnSync('touch', [`${folder}file.bin.huge`])
  const [ends, clean, ...bytes] = limited(t, '-v 100000000', program, path) as [string[], boolean, ...{ data: number[] }[]]
  // In view mode 'wasm' a mapping grows to 4 GiB alone.
  if (view === 'wasm') t.deepEqual(ends.splice(5), Array(2).fill('Unsupported,ERR_MMAP_UNSUPPORTED,'))
  t.deepEqual(new Set(ends), new Set(['Io,ENOMEM,mmap']))
  t.is(ends.length, view === 'wasm' ? 5 : 7)
  t.true(clean)
  for (const { data } of bytes) t.deepEqual(Buffer.from(data), pattern(3))
})

// Other view modes need mappings of their own for a view.
const withMapLimit = view === 'external' && Number(readMapLimit()) < 1_000_000 ? onLinux : test.skip

function readMapLimit(): string {
  try {
    return readFileSync('/proc/sys/vm/max_map_count', 'utf8')
  } catch {
    return 'Infinity'
  }
}

withMapLimit('with as many mappings as a process may have, calls fail with ENOMEM and nothing is lost', (t) => {
  // Advice on every other page gives each page a mapping of its own.
  const program = `${leavings}
    const page = pageSize()
    const limit = ${Number(readMapLimit())}
    const other = MemoryMappedFile.openRwSync(path)
    const view = other.asSlice()
    const warm = MemoryMappedFile.createRwSync(path + '.warm', 100)
    told(() => { warm.resizeSync(10000); warm.asSlice(); warm.resizeSync(0) })
    const mapping = MemoryMappedFile.createRwSync(path + '.many', (limit + 2000) * page, { sparse: true })
    state()
    let end = 'ok'
    for (let at = 0; at < mapping.length && end === 'ok'; at += 2 * page) end = told(() => mapping.advise(at, page, 'random'))
    const last = []
    const open = () => told(() => last.push(MemoryMappedFile.openRoSync(path)))
    while (open() === 'ok') {}
    const ends = [
      end,
      open(),
      told(() => MemoryMappedFile.createRwSync(path + '.new', 100)),
      told(() => other.resizeSync(100000)),
      told(() => warm.resizeSync(100000)),
      told(() => mapping.flushRangeSync(0, page)),
    ]
    mapping.close()
    const left = [fs.existsSync(path + '.new'), fs.statSync(path).size, other.length, view.length, maps() < limit / 2]
    other.resizeSync(100000)
    print([ends, left, [...other.readBytes(0, 3)], fs.statSync(path).size])`
  const [ends, left, bytes, size] = limited(t, '-c 0', program, tempFile(t, pattern(100))) as [string[], unknown[], number[], number]
  const full = 'Io,ENOMEM,mmap'
  t.deepEqual(ends, ['AdviceFailed,EAGAIN,madvise', full, full, full, full, 'ok'])
  t.deepEqual(left, [false, 100, 100, 100, true])
  t.deepEqual([Buffer.from(bytes), size], [pattern(3), 100_000])
})
