"""An OpenAI-compatible completions server around a model folder, as vLLM answers: greedy, with
log-probabilities, prompts as strings or as token ids, tokens as strings or as "token_id:N".

    python completions_server.py FOLDER PORT
"""

import sys

import torch
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route
from transformers import AutoModelForCausalLM, AutoTokenizer


class Completions:
    def __init__(self, folder):
        self.model = AutoModelForCausalLM.from_pretrained(folder).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)

    @torch.inference_mode()
    def complete(self, body):
        prompt = body["prompt"]
        ids = self.tokenizer(prompt)["input_ids"] if isinstance(prompt, str) else list(prompt)
        new, log_probs, ended = [], [], False
        while len(new) < body["max_tokens"] and not ended:
            logits = self.model(torch.tensor([ids + new])).logits[0, -1].float()
            token = int(logits.argmax())
            new.append(token)
            log_probs.append(float(logits.log_softmax(0)[token]))
            ended = token in [self.tokenizer.eos_token_id, *body.get("stop_token_ids", ())]
        strings = [self.tokenizer.decode([t]) for t in new]
        if body.get("return_tokens_as_token_ids"):
            strings = [f"token_id:{t}" for t in new]
        text = self.tokenizer.decode(new, skip_special_tokens=body.get("skip_special_tokens", True))
        logprobs = {"tokens": strings, "token_logprobs": log_probs}
        if not body.get("logprobs"):
            logprobs = None
        reason = "stop" if ended else "length"
        return {"choices": [{"text": text, "finish_reason": reason, "logprobs": logprobs}]}

    async def answer(self, request):
        return JSONResponse(await run_in_threadpool(self.complete, await request.json()))


if __name__ == "__main__":
    torch.set_num_threads(1)
    served = Completions(sys.argv[1])
    app = Starlette(routes=[Route("/v1/completions", served.answer, methods=["POST"])])
    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
