/** One clock for all ages on the screen: UNIX seconds, a tick a second. */
import { readonly, ref } from 'vue'

const ticking = ref(Date.now() / 1000)
setInterval(() => (ticking.value = Date.now() / 1000), 1000)

export const now = readonly(ticking)
