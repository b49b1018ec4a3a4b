/** The guard's place among other handlers of SIGBUS, and where it is off. Each in a process of its own. */
import { copyFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { prelude, run, survives } from '../support/child.ts'
import { withLiveViewsOnUnix } from '../support/conditions.ts'
import { pattern, tempFile, tempFolder } from '../support/files.ts'

const file = (t: ExecutionContext) => tempFile(t, pattern(100_000))

/** Begins with a guarded mapping; `lose()` loses a page of it and tells how many repairs there were. */
const guarded = `${prelude}
  const open = () => {
    fs.writeFileSync(path, Buffer.alloc(100_000, 7))
    const mapping = MemoryMappedFile.openRoSync(path)
    return { mapping, view: mapping.asSlice() }
  }
  const lose = ({ mapping, view } = open()) => {
    fs.truncateSync(path, 0)
    return [view[99_999], mapping.faultWord[0]]
  }
  // Listening for a signal keeps no process alive.
  const heard = () => new Promise((resolve) => {
    const keep = setInterval(() => {}, 1000)
    process.once('SIGBUS', () => resolve('heard', clearInterval(keep)))
  })
  const killed = () => { process.kill(process.pid, 'SIGBUS') }
`

async function diesOfBus(t: ExecutionContext, program: string, env: NodeJS.ProcessEnv = {}) {
  const ended = await run(`${guarded}${program}\nfor (;;);`, [file(t)], [], env)
  t.is(ended.signal, 'SIGBUS', `${ended.stdout}${ended.stderr}`)
  return ended.stdout
}

withLiveViewsOnUnix('a signal that was sent still kills', async (t) => {
  t.is(await diesOfBus(t, 'print(lose())\nkilled()'), '[0,1]\n')
})

withLiveViewsOnUnix('a listener that was there before hears what is sent, and pages are repaired', async (t) => {
  const program = `${guarded}
    const hears = heard()
    process.on('SIGBUS', () => {})
    const lost = lose()
    killed()
    print([lost, await hears, lose()])
    process.exit()`
  t.deepEqual(await survives(t, program, file(t)), [[0, 1], 'heard', [0, 1]])
})

withLiveViewsOnUnix('a listener that comes later hears what is sent, and pages are repaired', async (t) => {
  const program = `${guarded}
    const mapped = open()
    const hears = heard()
    process.on('SIGBUS', () => {})
    const lost = lose(mapped)
    killed()
    print([lost, await hears, lose()])
    process.exit()`
  t.deepEqual(await survives(t, program, file(t)), [[0, 1], 'heard', [0, 1]])
})

withLiveViewsOnUnix('after the last listener has gone pages are repaired', async (t) => {
  const program = `${guarded}
    const mapped = open()
    const listener = () => {}
    process.on('SIGBUS', listener)
    process.off('SIGBUS', listener)
    print(lose(mapped))`
  t.deepEqual(await survives(t, program, file(t)), [0, 1])
})

withLiveViewsOnUnix('after the last listener has gone a signal kills', async (t) => {
  await diesOfBus(
    t,
    `const mapped = open()
    process.once('SIGBUS', () => {})
    process.removeAllListeners('SIGBUS')
    lose(mapped)
    killed()`,
  )
})

withLiveViewsOnUnix('traps of WebAssembly are caught as ever', async (t) => {
  const program = `${guarded}
    const bytes = Buffer.from('0061736d0100000001060160017f017f030201000503010001070801046c6f616400000a0901070020002802000b', 'hex')
    const { load } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports
    const traps = () => { try { load(1 << 30) } catch (error) { return Number(error instanceof WebAssembly.RuntimeError) } }
    let caught = 0
    for (let i = 0; i < 1000; i++) caught += traps()
    const lost = lose()
    print([caught + traps(), lost])`
  t.deepEqual(await survives(t, program, file(t)), [1001, [0, 1]])
})

const inWorker = (body: string) => `
  const { Worker } = await import('node:worker_threads')
  const ended = (body) => new Promise((resolve, reject) => {
    const worker = new Worker("const { MemoryMappedFile } = await import('" + import.meta.resolve('#mmap-io') + "')\\n" + body, { eval: true, workerData: path })
    worker.on('error', reject)
    worker.on('exit', resolve)
  })
  await ended(${JSON.stringify(body)})
`

withLiveViewsOnUnix('where only a worker that has ended had mappings, a signal kills', async (t) => {
  // No import in the main thread: Node closes the library when the worker ends.
  const program = `
    ${inWorker("import { workerData } from 'node:worker_threads'\nMemoryMappedFile.openRoSync(workerData).asSlice()")}
    process.kill(process.pid, 'SIGBUS')
    for (;;);`
  const { signal, stderr } = await run(`const [path] = process.argv.slice(1)\n${program}`, [file(t)], [])
  t.is(signal, 'SIGBUS', stderr)
})

withLiveViewsOnUnix('a worker that lost pages ends and takes nothing with it', async (t) => {
  const body = `
    import fs from 'node:fs'
    import { workerData as path } from 'node:worker_threads'
    const view = MemoryMappedFile.openRoSync(path).asSlice()
    fs.truncateSync(path, 0)
    if (view[99_999] !== 0) throw new Error('there is something')`
  const program = `${guarded}
    const codes = []
    ${inWorker(body)}
    fs.writeFileSync(path, Buffer.alloc(100_000, 7))
    codes.push(await ended(${JSON.stringify(body)}))
    print([codes, lose()])`
  t.deepEqual(await survives(t, program, file(t)), [[0], [0, 1]])
})

withLiveViewsOnUnix('threads lose the pages of one file at the same time', async (t) => {
  const program = `${guarded}
    const { Worker } = await import('node:worker_threads')
    const mapped = open()
    const go = new Int32Array(new SharedArrayBuffer(4))
    const body = \`
      import { parentPort, workerData } from 'node:worker_threads'
      const { path, url, go } = workerData
      const hot = (bytes) => { let sum = 0; for (let at = 0; at < bytes.length; at += 97) sum += bytes[at]; return sum }
      const { MemoryMappedFile } = await import(url)
      const mapping = MemoryMappedFile.openRoSync(path)
      const [view, word] = [mapping.asSlice(), mapping.faultWord]
      for (let i = 0; i < 300; i++) hot(view)
      Atomics.add(go, 0, 1)
      while (word[0] === 0) hot(view)
      parentPort.postMessage([word[0], hot(view)])\`
    const workers = [1, 2, 3, 4].map(() => new Worker(body, { eval: true, workerData: { path, url: import.meta.resolve('#mmap-io'), go } }))
    const told = Promise.all(workers.map((worker) => new Promise((resolve) => worker.on('message', resolve))))
    while (Atomics.load(go, 0) < 4) await turn()
    const lost = lose(mapped)
    print([lost, await told])
    process.exit()`
  t.deepEqual(await survives(t, program, file(t)), [
    [0, 1],
    [
      [1, 0],
      [1, 0],
      [1, 0],
      [1, 0],
    ],
  ])
})

/** Loads the addon once more, from a copy: nothing of it is shared but the process. */
const twoCopies = `
  import { createRequire } from 'node:module'
  import { reinstallGuard } from '#binding'
  const other = createRequire(import.meta.url)(process.argv[2])
  const request = { mode: 'read-only', create: 'never', offset: 0, allocate: false, touch: false, hugePages: false }
  const openOther = () => {
    fs.writeFileSync(path, Buffer.alloc(100_000, 7))
    const mapping = other.openSync(Buffer.from(path), request)
    return { mapping, view: new Uint8Array(mapping.buffer(0, 0, 100_000)) }
  }
  const loseBoth = () => {
    const [mine, theirs] = [open(), openOther()]
    const mapped = MemoryMappedFile.openRoSync(path)
    const view = mapped.asSlice()
    fs.truncateSync(path, 0)
    return [view[99_999], mapped.faultWord[0], theirs.view[99_999], theirs.mapping.checkRange(99_999, 1).kind, mine.view[99_999]]
  }
`
const both = [0, 1, 0, 'Truncated', 0]

function addonCopy(t: ExecutionContext): string {
  const copy = join(tempFolder(t), 'copy.node')
  const report = process.report.getReport() as { sharedObjects?: string[] }
  const addon = report.sharedObjects?.find((name) => /^mmap-io\..*\.node$/.test(basename(name)))
  if (addon === undefined) throw new Error('no addon is loaded')
  copyFileSync(addon, copy)
  return copy
}

withLiveViewsOnUnix('two copies of the addon repair pages, each its own', async (t) => {
  const program = `${guarded}${twoCopies}
    const first = loseBoth()
    for (let i = 0; i < 5; i++) { reinstallGuard(); other.reinstallGuard() }
    print([first, loseBoth()])
    process.exit()`
  t.deepEqual(await survives(t, program, file(t), addonCopy(t)), [both, both])
})

withLiveViewsOnUnix("what is no copy of the addon's kills, however they are stacked", async (t) => {
  const program = `${guarded}${twoCopies}
    print(loseBoth())
    for (let i = 0; i < 5; i++) { reinstallGuard(); other.reinstallGuard() }
    killed()
    for (;;);`
  const { signal, stdout, stderr } = await run(program, [file(t), addonCopy(t)], [])
  t.is(signal, 'SIGBUS', stderr)
  t.deepEqual(JSON.parse(stdout), both)
})

withLiveViewsOnUnix('the guard can be left out, of one mapping or of all', async (t) => {
  const cut = 'fs.truncateSync(path, 0)\nview[99_999]'
  await diesOfBus(
    t,
    `fs.writeFileSync(path, Buffer.alloc(100_000))\nconst view = MemoryMappedFile.openRoSync(path, { guard: false }).asSlice()\n${cut}`,
  )
  await diesOfBus(t, `const { view } = open()\n${cut}`, { MMAP_IO_GUARD: 'off' })
  const program = `${prelude}
    import { capabilities } from '#mmap-io'
    print([capabilities.faultGuard, MemoryMappedFile.openRoSync(path).faultWord[0]])`
  const { stdout } = await run(program, [file(t)], ['--expose-gc'], { MMAP_IO_GUARD: 'off' })
  t.deepEqual(JSON.parse(stdout), [false, 0])
})

withLiveViewsOnUnix('a process whose mappings are not guarded has no handler', async (t) => {
  const program = `${prelude}
    const caught = () => /SigCgt:\\s*(\\w+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]
    const bus = () => (BigInt('0x' + caught()) >> 6n) & 1n
    const found = [bus()]
    MemoryMappedFile.openRoSync(path, { guard: false })
    found.push(bus())
    MemoryMappedFile.openRoSync(path)
    print([...found, bus()].map(Number))`
  if (process.platform !== 'linux') return t.pass()
  t.deepEqual(await survives(t, program, file(t)), [0, 0, 1])
})
