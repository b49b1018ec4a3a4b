/** Which view mode a mapping gets: the one place where that is decided. */
import { canMapOver, externalProbe, hasExternalShared as probeExternalShared } from '#binding'
import type { ViewMode } from '../enums.ts'
import { MmapIoError } from '../errors.ts'
import { hasWasmMemory, MAX_WASM_VIEW, tooLong } from './wasm.ts'

/**
 * A test hook, documented in CONTRIBUTING: words with commas between. A view mode stands in for 'auto'; 'no-external' makes this
 * runtime one that refuses external buffers, as Electron does, and 'no-wasm' one that has no views over WebAssembly memory.
 */
const hook = (process.env.MMAP_IO_VIEW ?? '').split(',')

// Asked of the runtime itself, by the status of its answer, never by its name or version.
export const allowsExternal = !hook.includes('no-external') && externalProbe() !== undefined

/** Whether something can be shown in memory of WebAssembly. */
export const canUseMemory = !hook.includes('no-wasm') && canMapOver() && hasWasmMemory

const available: Record<ViewMode, boolean> = {
  external: allowsExternal,
  shared: allowsExternal && probeExternalShared(),
  wasm: canUseMemory,
  copy: true,
}

/** Why a mode cannot be had. */
const reasons: Record<ViewMode, string> = {
  external: 'this runtime refuses external array buffers, as Electron does',
  shared: 'it needs Node 22.23.3, 24.16, 26.1 or newer of these lines, and a runtime that allows external buffers',
  wasm: 'it needs Linux or macOS, and WebAssembly',
  copy: '',
}

/** The modes that can be had here. */
export const views: readonly ViewMode[] = (Object.keys(available) as ViewMode[]).filter((mode) => available[mode])

/** What 'auto' means. */
export const defaultView: ViewMode =
  (Object.keys(available) as ViewMode[]).find((mode) => hook.includes(mode)) ??
  (['external', 'wasm'] as const).find((mode) => available[mode]) ??
  'copy'

/** The mode for a mapping of `length` bytes. */
export function chooseView(wanted: 'auto' | ViewMode, length: number): ViewMode {
  const mode = wanted === 'auto' ? defaultView : wanted
  if (!available[mode]) {
    const instead = views.map((view) => `'${view}'`).join(' or ')
    throw new MmapIoError('Unsupported', `View mode '${mode}' cannot be had: ${reasons[mode]}. Use ${instead}`)
  }
  if (mode !== 'wasm' || length <= MAX_WASM_VIEW) return mode
  if (wanted === 'auto') return 'copy'
  throw tooLong(length)
}
