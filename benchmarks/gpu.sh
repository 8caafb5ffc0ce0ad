#!/bin/sh
# What wants an accelerator, in parts of under nine minutes. Needs torch, transformers and peft, and
# spaCy only for the parts `english` and `paper`. A part that is done is skipped when it is run again.
#
#     DATA=data OUT=results sh benchmarks/gpu.sh [correctness latency throughput lora english paper ...]
#
# DATA holds ner/<set>/<split>.jsonl.gz and text/; results land in OUT.
set -u
DATA=${DATA:-data}
OUT=${OUT:-benchmarks/results/gpu}
export PYTHONPATH="${PYTHONPATH:-}:." TOKENIZERS_PARALLELISM=false
mkdir -p "$OUT"

part() {
    name=$1
    shift
    [ -e "$OUT/$name.done" ] && { echo "$name: done already"; return; }
    echo "== $name: $*"
    timeout 530 "$@" >"$OUT/$name.log" 2>&1
    code=$?
    [ $code -eq 0 ] && touch "$OUT/$name.done"
    echo "$name: exit $code"
    tail -n 25 "$OUT/$name.log"
}

sizes() {
    name=$1
    shift
    part "$name" python benchmarks/sizes.py --data "$DATA" --device cuda --dtype bfloat16 \
        --sizes 7B --output "$OUT/$name" "$@"
}

for wanted in ${*:-correctness latency throughput lora english paper}; do
    case $wanted in
    correctness)
        part correctness python benchmarks/correctness.py --device cuda --output "$OUT/correctness"
        ;;
    latency) # milliseconds a text at batch 1, against the time to read all weights once
        for case in conll03 weibo genia; do
            sizes "latency-$case" --cases "$case" --batch-sizes 1 --limit 24 --rounds 2 \
                --methods paper tree ahead compiled structured augmented
        done
        ;;
    throughput)
        for case in conll03 weibo genia; do
            sizes "throughput-$case" --cases "$case" --batch-sizes 32 128 --limit 128 --rounds 1 \
                --methods paper ahead structured
        done
        ;;
    lora) # speed and memory of fine-tuning: all weights at 1B, LoRA at 7B
        part tuning-1B python benchmarks/training.py --data "$DATA" --device cuda \
            --dtype bfloat16 --size 1B --texts 64 --batch 16 --output "$OUT/training-1B.md"
        part lora-7B python benchmarks/training.py --data "$DATA" --device cuda \
            --dtype bfloat16 --size 7B --lora --texts 64 --batch 16 --output "$OUT/training-7B.md"
        ;;
    english) # the model in the box; goes on at its checkpoints when run again
        part english-corpora python scripts/english_corpora.py --data "$DATA" \
            --output "$OUT/english-corpora"
        part english-train python -m spacy padellm train "$OUT/english-corpora/config.cfg" \
            --resume --output "$OUT/english"
        ;;
    paper) # F1 of the paper's three formats; latency is measured alone, by the same command
        part paper python benchmarks/paper.py --data "$DATA" --skip-latency --keep-models \
            --output "$OUT/paper.jsonl"
        ;;
    *)
        echo "no part is called $wanted"
        exit 2
        ;;
    esac
done
