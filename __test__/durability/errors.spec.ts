/** A sync that fails reaches the caller with all that the kernel told, and stays. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { prelude, survives } from '../support/child.ts'
import { asRootOnLinux } from '../support/conditions.ts'
import { pattern, tempFile, tempFolder } from '../support/files.ts'
import { traced, withStrace } from '../support/strace.ts'

const told = `
  const told = async (call) => {
    try { await call(); return 'ok' } catch ({ kind, code, errno, syscall }) { return [kind, code, errno, syscall] }
  }`

for (const [code, errno] of [
  ['EIO', -5],
  ['ENOSPC', -28],
  ['EDQUOT', -122],
] as const) {
  withStrace(`${code} of one sync fails every flush after it, and leaves what is pending`, (t) => {
    const program = `${told}
      const mapping = MemoryMappedFile.openRwSync(path)
      mapping.updateRegion(0, 'stored')
      mark('first')
      const ends = [await told(() => mapping.flushSync())]
      mark('later')
      ends.push(await told(() => mapping.flush()), await told(() => mapping.flushSync()), await told(() => mapping.flushRange(0, 5)))
      ends.push(await told(() => mapping.flushRangeSync(5, 5)))
      const pending = mapping.pendingBytes
      ends.push(await told(() => mapping[Symbol.asyncDispose]()))
      mark('end')
      print([ends, pending, mapping.closed, fs.readFileSync(path, 'latin1').slice(0, 6)])`
    const { printed, syncs } = traced(t, program, tempFile(t, pattern(100)), [`msync:error=${code}:when=1`])
    const failure = ['FlushFailed', code, errno, 'msync']
    t.deepEqual(printed, [Array.from({ length: 6 }, () => failure), 6, true, 'stored'])
    t.is(syncs.first?.length, 1)
    t.deepEqual(syncs.later, [], 'the kernel would call it well now')
  })
}

withStrace('an error that loses nothing is told once', (t) => {
  const program = `${told}
    const mapping = MemoryMappedFile.openRwSync(path)
    print([await told(() => mapping.flushSync()), await told(() => mapping.flushSync())])`
  const { printed } = traced(t, program, tempFile(t, pattern(100)), ['msync:error=EINTR:when=1'])
  t.deepEqual(printed, [['FlushFailed', 'EINTR', -4, 'msync'], 'ok'])
})

withStrace('a write whose policy asks for a sync that fails throws, and its bytes stay stored', (t) => {
  const program = `${told}
    const mapping = MemoryMappedFile.openRwSync(path, { flushPolicy: 'always' })
    const ends = [await told(() => mapping.updateRegion(0, 'stored'))]
    ends.push(await told(() => mapping.updateRegion(10, 'again')), mapping.asSlice(0, 6).toString(), mapping.asSlice(10, 5).toString())
    print(ends)`
  const { printed } = traced(t, program, tempFile(t, pattern(100)), ['msync:error=EIO:when=1'])
  const failure = ['FlushFailed', 'EIO', -5, 'msync']
  t.deepEqual(printed, [failure, failure, 'stored', 'again'])
})

withStrace('the next flush tells an error that a timed flush met', (t) => {
  const program = `${told}
    const mapping = MemoryMappedFile.openRwSync(path, { flushPolicy: { everyMillis: 1 } })
    mapping.updateRegion(0, 'x')
    // The error is for the first sync of each thread: here, the flusher's.
    while (!fs.readFileSync(log, 'utf8').includes('(INJECTED)')) await turn()
    print([await told(() => mapping.flushSync()), await told(() => mapping.flushSync())])`
  const path = tempFile(t, pattern(100))
  const { printed } = traced(t, program, path, ['msync:error=EIO:when=1'])
  const failure = ['FlushFailed', 'EIO', -5, 'msync']
  t.deepEqual(printed, [failure, failure])
})

withStrace('after an error that loses nothing timed flushes go on, and the next flush tells it all the same', (t) => {
  const program = `${told}
    const mapping = MemoryMappedFile.openRwSync(path, { flushPolicy: { everyMillis: 1 } })
    mapping.updateRegion(0, 'x')
    // The flusher's second sync.
    while (mapping.pendingBytes > 0) await turn()
    mark('told')
    const first = await told(() => mapping.flushSync())
    mark('synced')
    await told(() => mapping.flushSync())
    print([first, await told(() => mapping.flushSync())])`
  const { printed, syncs } = traced(t, program, tempFile(t, pattern(100)), ['msync:error=EINTR:when=1'])
  t.deepEqual(printed, [['FlushFailed', 'EINTR', -4, 'msync'], 'ok'])
  t.deepEqual([syncs.told?.length, syncs.synced?.length], [0, 2])
})

/** Why no file system can be mounted from a file here. */
function whyNoLoop(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux'
  if (spawnSync('mkfs.ext4', ['-V']).status !== 0) return 'needs mkfs.ext4'
  return spawnSync('losetup', ['--find']).status === 0 ? undefined : 'there is no loop device'
}

const reason = whyNoLoop()
const withLoop = reason === undefined ? asRootOnLinux : test.skip

/** A file system whose device has less room than it says. */
function brokenDisk(t: ExecutionContext): string {
  const [folder, disk] = [tempFolder(t), tempFolder(t)]
  const image = join(folder, 'image')
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', folder])
  t.teardown(() => execFileSync('umount', ['--lazy', folder]))
  execFileSync('truncate', ['--size', '64M', image])
  execFileSync('mkfs.ext4', ['-q', '-m', '0', '-O', '^has_journal', image])
  execFileSync('mount', ['-o', 'loop,errors=continue', image, disk])
  t.teardown(() => execFileSync('umount', ['--lazy', disk]))
  return disk
}

withLoop('what a real device cannot store is an error that stays after the kernel has forgotten it', async (t) => {
  const folder = join(brokenDisk(t), 'folder')
  mkdirSync(folder)
  const program = `${prelude}${told}
    const mapping = MemoryMappedFile.createRwSync(path, 32 << 20, { sparse: true })
    const slice = mapping.asSliceMut()
    slice.bytes.fill(9)
    slice.release()
    print([await told(() => mapping.flush()), await told(() => mapping.flushSync())])`
  const [first, second] = (await survives(t, program, join(folder, 'file'))) as unknown[][]
  // Kernels differ in what they call a device that is full.
  t.like(first, { 0: 'FlushFailed', 3: 'msync' })
  t.true(first?.[1] === 'EIO' || first?.[1] === 'ENOSPC', String(first))
  t.deepEqual(second, first)
})
