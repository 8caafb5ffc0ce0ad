"""llama.cpp's own completions server around a GGUF file.

python llama_cpp_server.py FILE PORT
"""

import sys
import time

import xllamacpp

if __name__ == "__main__":
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.port = int(sys.argv[2])
    params.n_parallel = 4
    params.n_threads_http = 40  # one for each connection that is kept
    params.n_ctx = 4096
    params.cpuparams.n_threads = 1
    params.warmup = False
    # In float32 throughout, as in process: flash attention and the cache of keys and values are in
    # half precision if nobody says otherwise, which moves probabilities by 2e-4.
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(1)
