/** Memory without a file. */
import test from 'ava'
import { MemoryMappedFile, type MmapIoError } from '#mmap-io'
import { prelude, survives } from './support/child.ts'
import { onLinux } from './support/conditions.ts'

test('anonymous memory is zero, writable and belongs to no file', async (t) => {
  const memory = MemoryMappedFile.anonymous(10_000)
  t.deepEqual([memory.length, memory.mode, memory.path, memory.flushPolicy], [10_000, 'read-write', null, 'manual'])
  t.deepEqual(memory.readBytes(), Buffer.alloc(10_000))
  memory.updateRegion(9000, 'stored')
  const slice = memory.asSliceMut(0, 4)
  slice.bytes.fill(7)
  slice.release()
  t.is(memory.asSlice(9000, 6).toString(), 'stored')
  t.is(memory.pendingBytes, 0, 'nothing is waiting for a device')
  await memory.flush()
  memory.flushRangeSync(0, 5000)
  memory.close()
  t.is(memory.length, 0)
})

test('anonymous memory has a size, which cannot be 0, be changed or be more than there is', async (t) => {
  t.throws(() => MemoryMappedFile.anonymous(0), { code: 'ERR_MMAP_RESIZE_FAILED' })
  const error = t.throws<MmapIoError>(() => MemoryMappedFile.anonymous(2 ** 53 - 1))
  t.like(error, { kind: 'Io', code: 'ENOMEM' })
  const memory = MemoryMappedFile.anonymous(100)
  await t.throwsAsync(() => memory.resize(200), { code: 'ERR_MMAP_UNSUPPORTED' })
  t.throws(() => memory.resizeSync(50, { detach: true }), { code: 'ERR_MMAP_UNSUPPORTED' })
  t.is(memory.asSlice().length, 100, 'a refused resize costs no view')
  memory.close()
})

test('two pieces of anonymous memory have nothing in common', (t) => {
  const [one, two] = [MemoryMappedFile.anonymous(10), MemoryMappedFile.anonymous(10)]
  one.updateRegion(0, Buffer.alloc(10, 1))
  t.deepEqual(two.readBytes(), Buffer.alloc(10))
  one.close()
  two.close()
})

onLinux('close gives anonymous memory back, and huge pages are asked for', async (t) => {
  const [flags, before, during, after] = (await survives(
    t,
    `${prelude}
    const size = 64 * 2 ** 20
    const resident = () => Number(fs.readFileSync('/proc/self/status', 'utf8').match(/RssAnon:\\s+(\\d+)/)[1]) * 1024
    const before = resident()
    const memory = MemoryMappedFile.anonymous(size, { hugePages: true })
    const flags = fs.readFileSync('/proc/self/smaps', 'utf8').split('VmFlags:').map((text) => text.split('\\n')[0]).filter((flags) => flags.includes(' hg'))
    for (let at = 0; at < size; at += 2 ** 20) memory.updateRegion(at, Buffer.alloc(2 ** 20, 1))
    const during = resident()
    memory.close()
    print([flags.length, before, during, resident()])`,
  )) as number[]
  t.is(flags, 1)
  // The runtime's own memory grows and shrinks meanwhile.
  const most = 0.9 * 64 * 2 ** 20
  t.true((during as number) - (before as number) >= most, `${before} ${during}`)
  t.true((during as number) - (after as number) >= most, `${during} ${after}`)
})
