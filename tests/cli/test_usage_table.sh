# What a command line asks for in vain ends with 2, before any work: an option or a value that does not exist, a file or
# folder that is not there, a place where nothing can be written. What is wrong inside files ends with 1. A line of the
# table is: status, words, and after a bar what the message must contain.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
. "$CALR_TEST_SOURCE/tests/cli/retrieval.sh"

expect 0 "$CALR" extract --model model.safetensors --precision f32 --images pics -o pics.npy
expect 0 "$CALR" extract --model model.safetensors --precision f32 --images street.lmdb -o all.npy
mkdir empty many && cp pics/*.jpg many && cp pics/inside/*.jpg many

walk() {
    local want line words wanted
    while IFS= read -r line; do
        case $line in '' | '#'*) continue ;; esac
        want=${line%% *} words=${line#* }
        wanted=${words#*| } words=${words%% |*}
        # shellcheck disable=SC2086 # words are split on purpose
        expect "$want" "$CALR" ${words//MODEL/--model model.safetensors}
        says "$wanted"
    done
}

walk <<'TABLE'
# ---- extract
2 extract MODEL --images street.lmdb --split nosuch -o x.npy | --split is train, query, gallery, multi or all, not "nosuch"
2 extract MODEL --images street.lmdb --split galery -o x.npy | (did you mean "gallery"?)
2 extract MODEL --images pics --split train -o x.npy | --split is of a data set, and pics is a folder
2 extract MODEL --images absent -o x.npy | there is no folder, data set or image absent
2 extract --model absent --images pics -o x.npy | there is no run or file of weights absent
2 extract MODEL --images pics -o absent/x.npy | there is no folder absent
2 extract MODEL --images pics -o x.npy hight=3 | a model has no option "hight" (did you mean "height"?)
2 extract MODEL --images pics -o x.npy network=smal | there is no network "smal" (did you mean "small"?)
2 extract MODEL --images pics -o x.npy network=./absent.lua | there is no file of a network ./absent.lua
2 extract MODEL --images pics -o x.npy rerank=yes | rerank= has no effect here: extract ranks nothing
2 extract MODEL --images pics -o x.npy eval_batch=99999999999 | option "eval_batch" must be 1 to 65536
2 extract MODEL --images pics -o x.npy workers=1000 | option "workers" must be 0 to 256
2 extract MODEL --images pics -o x.npy height=70000 | option "height" must be 1 to 65535
2 extract MODEL --images pics -o x.npy --precision f16 | --precision is f32, bf16 or auto, not "f16"
1 extract MODEL --images make.lua -o x.npy | make.lua is neither a folder, a data set (.lmdb) nor an image
1 extract --model query.jpg --images pics -o x.npy | query.jpg does not say which network it is of
# ---- search
2 search MODEL --gallery absent --query query.jpg | there is no gallery absent
2 search MODEL --gallery absent.npy --query query.jpg | there is no gallery absent.npy
2 search MODEL --gallery street.lmdb --split nosuch --query query.jpg | --split is train, query, gallery, multi or all
2 search MODEL --gallery all.npy --split nosuch --query query.jpg | --split is train, query, gallery, multi or all
2 search MODEL --gallery pics --split train --query query.jpg | --split is of a data set or of features, and pics is a folder
2 search MODEL --gallery pics.npy --csv absent.csv --query query.jpg | there is no table absent.csv
2 search MODEL --gallery pics --csv make.lua --query query.jpg | --csv belongs to a gallery of features
2 search MODEL --gallery pics.npy --images absent --query query.jpg | there is no folder or data set of pictures absent
2 search MODEL --gallery pics --images many --query query.jpg | --images belongs to a gallery of features
2 search MODEL --gallery pics --query query.jpg -o absent/x.json | there is no folder absent
2 search MODEL --gallery pics --query query.jpg --strip absent/x.png | there is no folder absent
2 search MODEL --gallery pics --query query.jpg ap=step | ap= has no effect here: search evaluates nothing
2 search MODEL --gallery pics --query query.jpg --ignore cam | --ignore is own, camera, junk or nothing, not "cam"
2 search --gallery pics.npy --query query.jpg | query.jpg needs a model
# ---- evaluate
2 evaluate MODEL --data absent | there is no data set absent
2 evaluate --model absent --data street.lmdb | there is no run or file of weights absent
2 evaluate --features absent.npy | there is no file of features absent.npy
2 evaluate --features all.npy --csv absent.csv | there is no table absent.csv
2 evaluate --features all.npy --raw --rerank | --raw keeps rows of any length, and re-ranking needs rows of length 1
2 evaluate --features all.npy --raw rerank=yes | --raw keeps rows of any length
2 evaluate --features all.npy expand=alpha expand_alpha=1e9 | option "expand_alpha" must be 0 to 1e+06
2 evaluate MODEL --data street.lmdb expand=average expand_k=99999999999 | option "expand_k" must be 1 to 65536
2 evaluate MODEL --data street.lmdb eval_batch=99999999999 | option "eval_batch" must be 1 to 65536
2 evaluate MODEL --data street.lmdb --shots 3 | --shots is 1 or all, not "3"
2 evaluate MODEL --data street.lmdb --by person | --by is camera, not "person"
2 evaluate MODEL --data street.lmdb epochs=3 | a model has no option "epochs"
2 evaluate MODEL --data street.lmdb -o absent/x.json | there is no folder absent
1 evaluate MODEL --data pics | pics is a folder, not a data set
# ---- export
2 export model.safetensors -o x.onnx nosuch=3 | a model has no option "nosuch"
2 export model.safetensors -o x.onnx eval_batch=3 | eval_batch= has no effect here: the file holds the network in f32 alone
2 export model.safetensors -o x.onnx rerank=yes | rerank= has no effect here: the file holds the network alone
2 export model.safetensors -o x.onnx network=nosuch | there is no network "nosuch"
2 export model.safetensors -o absent/x.onnx | there is no folder absent
2 export absent -o x.onnx | there is no run or file of weights absent
# ---- discover
2 discover nosuch | there is no folder nosuch
2 discover query.jpg | query.jpg is a file; a folder of images is wanted
2 discover many -o query.jpg | -o query.jpg is a file, not a folder
2 discover many --dry-run epochs=x | option "epochs" must be a whole number
2 discover many --dry-run nosuch=3 | unknown option "nosuch"
2 discover many --dry-run --network nosuch | there is no network "nosuch"
2 discover many --dry-run --weights absent | there are no weights absent
1 discover empty | empty holds no images
# ---- a run's results
2 draw absent | there is no run folder absent
2 draw pics | pics is not a run folder
2 draw pics -o absent/x.html | there is no folder absent
2 why absent x | there is no run folder absent
2 report absent | there is no folder absent
2 report pics -o absent/x.html | there is no folder absent to write absent/x.html in
2 report pics -o empty | must end in .html
2 table absent | there is no study absent
2 refine absent pivot | there is no snapshot or run folder absent
2 refine absent nosuch | there is no
# ---- data
2 data info absent.lmdb | there is no data set absent.lmdb
2 data verify absent.lmdb | there is no data set absent.lmdb
2 data show absent.lmdb -o x.png | there is no data set absent.lmdb
2 data show street.lmdb -o absent/x.png | there is no folder absent
2 data import market1501 absent -o x.lmdb | there is no folder or table absent
2 data import cameras many -o absent/x.lmdb | there is no folder absent
2 data import nosuch many -o x.lmdb | there is no data set layout "nosuch"
2 data make street -o absent/x.lmdb | there is no folder absent
2 data make nosuch -o x.lmdb | there is no generated data set "nosuch"
2 data merge absent.lmdb street.lmdb -o x.lmdb | there is no data set absent.lmdb
2 data merge street.lmdb street.lmdb -o absent/x.lmdb | there is no folder absent
2 data subset absent.lmdb --count 2 -o x.lmdb | there is no data set absent.lmdb
2 data subset street.lmdb --count 2 -o absent/x.lmdb | there is no folder absent
1 data info query.jpg | query.jpg is not a data set
1 data import market1501 many -o x.lmdb | many is not laid out as market1501
# ---- the rest
2 import-weights absent -o x.safetensors | there is no file absent
2 import-weights model.safetensors -o absent/x.safetensors | there is no folder absent
1 import-weights query.jpg -o x.safetensors | query.jpg
2 cluster absent.npy | there is no file of features absent.npy
2 cluster pics.npy --method nosuch | there is no method "nosuch"
2 cluster pics.npy -o absent/x.csv | there is no folder absent
2 study absent.lua | there is no script absent.lua
2 work absent | there is no study folder absent
2 watch absent | there is no study absent
2 submit absent --slurm | absent
2 run absent.lua | there is no script absent.lua
2 run --resume absent | there is no run folder absent
2 completion fish | there is no completion for "fish"
2 completion bash -o absent/x | there is no folder absent
2 completion bash -o empty | empty is a folder
2 bench nosuch | there is no benchmark "nosuch"
2 docs nosuch | unknown argument nosuch
2 info nosuch | unknown argument nosuch
TABLE
holds -z "$(ls -d x.* absent 2>/dev/null)"
finish
