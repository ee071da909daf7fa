/* One direction of the transforms; the inner part of template.h.
 *
 * F43 is F(4, 3) of A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks" (CVPR
 * 2016), at the points 0, +-a, +-b and infinity with a = sqrt(1/2), b = sqrt(2) instead of 1 and 2:
 * the transforms then neither grow nor shrink much, and the error of the result is a third of that
 * of the paper's. F23 is F(2, 3), at 0, +-1 and infinity. By the construction of Cook and Toom:
 *
 *   rows of B^T: the coefficients of x (x^2 - a^2) (x^2 - b^2) without one factor (0: without x)
 *   rows of G:   (1, p, p^2) / (product of p's differences to the other points); infinity: (0, 0, 1)
 *   rows of A:   (1, p, p^2, p^3);                                               infinity: (0, 0, 0, 1)
 *
 * Numbers to be transformed are `step` vectors apart, the results follow each other. */
enum { F43, F23 };

/* Numbers that one direction of a tile reads; as many are its points. */
INLINE int points_of(const int f)
{
    return f == F43 ? 6 : 4;
}

/* Results of one direction of a tile. */
INLINE int results_of(const int f)
{
    return f == F43 ? 4 : 2;
}

static const float A1 = 0.70710678118654752f, A3 = 0.35355339059327376f; /* a, a^3 */
static const float B1 = 1.41421356237309505f,
                   B3 = 2.82842712474619010f; /* b, b^3; a^2 = .5, b^2 = 2 */

/* B^T d. */
INLINE void transform_input(const int f, const vector *d, vector *r, int step)
{
    if (f == F23) {
        r[0] = d[0] - d[2 * step];
        r[1] = d[2 * step] + d[step];
        r[2] = d[2 * step] - d[step];
        r[3] = d[3 * step] - d[step];
        return;
    }
    vector e1 = d[4 * step] - 2 * d[2 * step], o1 = B1 * d[step] - A1 * d[3 * step];
    vector e3 = d[4 * step] - 0.5f * d[2 * step], o3 = A1 * d[step] - B1 * d[3 * step];
    r[0] = d[0] - 2.5f * d[2 * step] + d[4 * step];
    r[1] = e1 - o1;
    r[2] = e1 + o1;
    r[3] = e3 - o3;
    r[4] = e3 + o3;
    r[5] = d[step] - 2.5f * d[3 * step] + d[5 * step];
}

/* A^T m. */
INLINE void transform_output(const int f, const vector *m, vector *r, int step)
{
    vector s1 = m[step] + m[2 * step], d1 = m[step] - m[2 * step];
    if (f == F23) {
        r[0] = m[0] + s1;
        r[1] = d1 + m[3 * step];
        return;
    }
    vector s3 = m[3 * step] + m[4 * step], d3 = m[3 * step] - m[4 * step];
    r[0] = m[0] + s1 + s3;
    r[1] = A1 * d1 + B1 * d3;
    r[2] = 0.5f * s1 + 2 * s3;
    r[3] = A3 * d1 + B3 * d3 + m[5 * step];
}

/* G w. */
INLINE void transform_weights(const int f, const vector *w, vector *r, int step)
{
    if (f == F23) {
        vector e = 0.5f * (w[0] + w[2 * step]), o = 0.5f * w[step];
        r[0] = w[0];
        r[1] = e + o;
        r[2] = e - o;
        r[3] = w[2 * step];
        return;
    }
    vector e1 = (w[0] + 0.5f * w[2 * step]) * (-1 / 1.5f), o1 = w[step] * (A1 / -1.5f);
    vector e3 = (w[0] + 2 * w[2 * step]) * (1 / 6.0f), o3 = w[step] * (B1 / 6);
    r[0] = w[0];
    r[1] = e1 + o1;
    r[2] = e1 - o1;
    r[3] = e3 + o3;
    r[4] = e3 - o3;
    r[5] = w[2 * step];
}

/* ---- the gradient of weights, of F43 alone ---- */

/* A d. */
INLINE void transform_gradient(const vector *d, vector *r, int step)
{
    vector e1 = d[0] + 0.5f * d[2 * step], o1 = A1 * d[step] + A3 * d[3 * step];
    vector e3 = d[0] + 2 * d[2 * step], o3 = B1 * d[step] + B3 * d[3 * step];
    r[0] = d[0];
    r[1] = e1 + o1;
    r[2] = e1 - o1;
    r[3] = e3 + o3;
    r[4] = e3 - o3;
    r[5] = d[3 * step];
}

/* G^T u. */
INLINE void transform_weights_gradient(const vector *u, vector *r, int step)
{
    vector s1 = (u[step] + u[2 * step]) * (-1 / 1.5f), d1 = (u[step] - u[2 * step]) * (A1 / -1.5f);
    vector s3 = (u[3 * step] + u[4 * step]) * (1 / 6.0f),
           d3 = (u[3 * step] - u[4 * step]) * (B1 / 6);
    r[0] = u[0] + s1 + s3;
    r[1] = d1 + d3;
    r[2] = 0.5f * s1 + 2 * s3 + u[5 * step];
}
