"""The index of a layer's connections by output unit, a permutation of their order by input unit."""

from .compile import single


@single
def transpose_index(w, indptr, indices, perm, inputs, out_ptr):
    """Fill the index by output unit by a counting sort, O(connections + units).

    Parameters
    ----------
    w : width tag, ignored: it carries the version of these sources
    indptr : int32[n_in + 1], indices : int32[connections], CSR by input unit
    perm, inputs : int32[connections], overwritten: position in CSR order and input unit, by output unit, inputs ascending
    out_ptr : int32[n_out + 1], overwritten: output unit j has perm[out_ptr[j]:out_ptr[j + 1]]
    """
    n_out = out_ptr.size - 1
    for j in range(n_out + 1):
        out_ptr[j] = 0
    for k in range(indices.size):
        j = indices[k]
        if j + 2 <= n_out:
            out_ptr[j + 2] += 1
    for j in range(2, n_out + 1):
        out_ptr[j] += out_ptr[j - 1]
    # out_ptr[j + 1] is now the first place of unit j and moves on to its last
    for i in range(indptr.size - 1):
        for k in range(indptr[i], indptr[i + 1]):
            j = indices[k]
            place = out_ptr[j + 1]
            perm[place] = k
            inputs[place] = i
            out_ptr[j + 1] = place + 1


@single
def block_pointers(w, indptr, minor, block, ptr):
    """ptr[q, i] = the first of row i's entries whose minor index is at least q * block; ptr[-1, i] = the row's end.

    indptr : int32[n + 1], minor : int32[connections] ascending in each row; ptr : uint32[blocks + 1, n], overwritten.
    """
    n_blocks = ptr.shape[0] - 1
    for i in range(indptr.size - 1):
        k = indptr[i]
        for q in range(n_blocks):
            while k < indptr[i + 1] and minor[k] < q * block:
                k += 1
            ptr[q, i] = k
        ptr[n_blocks, i] = indptr[i + 1]
