; Written by scripts/text_loops.py, numba 0.68.1, from loops.py, sha256 0c07f888140771660fc0bf6a114a79d4ec18714ad44f543070dea7b4d55f0830. Do not edit.
@.const.array.data.2.5 = internal constant [488 x i8] c"\00\00\00\00\00\00\F0?\00\00\00\00\00\00$@\00\00\00\00\00\00Y@\00\00\00\00\00@\8F@\00\00\00\00\00\88\C3@\00\00\00\00\00j\F8@\00\00\00\00\80\84.A\00\00\00\00\D0\12cA\00\00\00\00\84\D7\97A\00\00\00\00e\CD\CDA\00\00\00 _\A0\02B\00\00\00\E8vH7B\00\00\00\A2\94\1AmB\00\00@\E5\9C0\A2B\00\00\90\1E\C4\BC\D6B\00\004&\F5k\0CC\00\80\E07y\C3AC\00\A0\D8\85W4vC\00\C8Ngm\C1\ABC\00=\91`\E4X\E1C@\8C\B5x\1D\AF\15DP\EF\E2\D6\E4\1AKD\92\D5M\06\CF\F0\80D\F6J\E1\C7\02-\B5D\B4\9D\D9yCx\EAD\91\02(,*\8B E5\032\B7\F4\ADTE\02\84\FE\E4q\D9\89E\81\12\1F/\E7'\C0E!\D7\E6\FA\E01\F4E\EA\8C\A09Y>)F$\B0\08\88\EF\8D_F\17n\05\B5\B5\B8\93F\9C\C9F\22\E3\A6\C8F\03|\D8\EA\9B\D0\FEF\82M\C7raB3G\E3 y\CF\F9\12hG\1BiWC\B8\17\9EG\B1\A1\16*\D3\CE\D2G\1DJ\9C\F4\87\82\07H\A5\\\C3\F1)c=H\E7\19\1A7\FA]rHa\A0\E0\C4x\F5\A6Hy\C8\18\F6\D6\B2\DCHL}\CFY\C6\EF\11I\9E\\C\F0\B7kFI\C63T\EC\A5\06|I\\\A0\B4\B3'\84\B1Is\C8\A1\A01\E5\E5I\8F:\CA\08~^\1BJ\9Ad~\C5\0E\1BQJ\C0\FD\DDv\D2a\85J0}\95\14G\BA\BAJ>n\DDll\B4\F0J\CE\C9\14\88\87\E1$KA\FC\19j\E9\19ZK\A9=P\E21P\90K\13M\E4Z>d\C4KW`\9D\F1M}\F9Km\B8\04n\A1\DC/LD\F3\C2\E4\E4\E9cL", align 8
define internal fastcc void @csv.loop(ptr %retptr, ptr %arg.text, i64 %arg.size, i64 %arg.delimiter, ptr %arg.first_kn, ptr %arg.rest_nd, i64 %arg.leading, i64 %arg.most, i64 %arg.width) {
B0:
  %.78166 = icmp sgt i64 %arg.size, 0
  br i1 %.78166, label %B30.preheader.lr.ph, label %common.ret
B30.preheader.lr.ph:
  %.377 = sub nsw i64 %arg.width, %arg.leading
  br label %B30.outer
B30.outer:
  %place.7.1.ph = phi i64 [ 0, %B30.preheader.lr.ph ], [ %.531, %B792 ]
  %row.2.1.ph = phi i64 [ 0, %B30.preheader.lr.ph ], [ %row.4.2, %B792 ]
  %column.3.1.ph = phi i64 [ 0, %B30.preheader.lr.ph ], [ %column.5.2, %B792 ]
  %.88.peel = icmp eq i64 %column.3.1.ph, 0
  %.92.peel = getelementptr i8, ptr %arg.text, i64 %place.7.1.ph
  %.93.peel = load i8, ptr %.92.peel, align 1
  br i1 %.88.peel, label %B42.peel, label %B198
B42.peel:
  switch i8 %.93.peel, label %B198 [
    i8 10, label %B150.peel
    i8 13, label %B110.peel
  ]
B110.peel:
  %sunkaddr157 = getelementptr i8, ptr %.92.peel, i64 1
  %.108.peel = load i8, ptr %sunkaddr157, align 1
  %.110.peel = icmp eq i8 %.108.peel, 10
  br i1 %.110.peel, label %B150.peel, label %B198
B150.peel:
  %.127.peel = icmp eq i8 %.93.peel, 13
  %.130.peel = select i1 %.127.peel, i64 2, i64 1
  %.132.peel = add nsw i64 %.130.peel, %place.7.1.ph
  %.78.peel = icmp slt i64 %.132.peel, %arg.size
  br i1 %.78.peel, label %B30, label %common.ret
B30:
  %place.7.1 = phi i64 [ %.132, %B150 ], [ %.132.peel, %B150.peel ]
  %.92 = getelementptr i8, ptr %arg.text, i64 %place.7.1
  %.93 = load i8, ptr %.92, align 1
  switch i8 %.93, label %B198 [
    i8 10, label %B150
    i8 13, label %B110
  ]
B110:
  %sunkaddr159 = getelementptr i8, ptr %.92, i64 1
  %.108 = load i8, ptr %sunkaddr159, align 1
  %.110 = icmp eq i8 %.108, 10
  br i1 %.110, label %B150, label %B198
B150:
  %.127 = icmp eq i8 %.93, 13
  %.130 = select i1 %.127, i64 2, i64 1
  %.132 = add nsw i64 %.130, %place.7.1
  %.78 = icmp slt i64 %.132, %arg.size
  br i1 %.78, label %B30, label %common.ret
B198:
  %place.7.1.lcssa = phi i64 [ %place.7.1.ph, %B30.outer ], [ %place.7.1.ph, %B42.peel ], [ %place.7.1.ph, %B110.peel ], [ %place.7.1, %B30 ], [ %place.7.1, %B110 ]
  %column.3.1.lcssa = phi i64 [ %column.3.1.ph, %B30.outer ], [ 0, %B42.peel ], [ 0, %B110.peel ], [ 0, %B30 ], [ 0, %B110 ]
  %.93.lcssa = phi i8 [ %.93.peel, %B30.outer ], [ %.93.peel, %B42.peel ], [ 13, %B110.peel ], [ 13, %B110 ], [ %.93, %B30 ]
  %.155 = zext i8 %.93.lcssa to i64
  %.156 = icmp ne i64 %arg.delimiter, %.155
  %0 = freeze i1 %.156
  br i1 %0, label %switch.early.test, label %B488
switch.early.test:
  switch i8 %.93.lcssa, label %B350.endif [
    i8 13, label %B488
    i8 10, label %B488
    i8 32, label %B72.i
    i8 9, label %B72.i
  ]
B72.i:
  %.46.not.i = icmp eq i64 %arg.delimiter, %.155
  br i1 %.46.not.i, label %B350.endif, label %B96.i
B96.i:
  %lsr.iv.in = phi i64 [ %lsr.iv, %B174.i ], [ %place.7.1.lcssa, %B72.i ]
  %lsr.iv = add i64 %lsr.iv.in, 1
  %scevgep = getelementptr i8, ptr %arg.text, i64 %lsr.iv
  %.63.i = load i8, ptr %scevgep, align 1
  switch i8 %.63.i, label %B350.endif [
    i8 32, label %B174.i
    i8 9, label %B174.i
  ]
B174.i:
  %.64.i = zext i8 %.63.i to i64
  %.91.not.i = icmp eq i64 %arg.delimiter, %.64.i
  br i1 %.91.not.i, label %B350.endif, label %B96.i
common.ret:
  %row.5.2.sink = phi i64 [ 0, %B0 ], [ %row.2.1.ph, %B150 ], [ -1, %B712 ], [ -1, %B488 ], [ -1, %_number.loop.exit ], [ %row.4.2, %B792 ], [ %row.2.1.ph, %B150.peel ], [ -1, %B754 ]
  store i64 %row.5.2.sink, ptr %retptr, align 8
  ret void
B454:
  %.15.i31 = getelementptr i8, ptr %arg.text, i64 %storemerge.i.fca.1.extract
  %.16.i32 = load i8, ptr %.15.i31, align 1
  switch i8 %.16.i32, label %B488 [
    i8 32, label %B72.i33
    i8 9, label %B72.i33
  ]
B72.i33:
  %.17.i34 = zext i8 %.16.i32 to i64
  %.46.not.i35 = icmp eq i64 %arg.delimiter, %.17.i34
  br i1 %.46.not.i35, label %B488, label %B96.i36
B96.i36:
  %lsr.iv154.in = phi i64 [ %lsr.iv154, %B174.i41 ], [ %storemerge.i.fca.1.extract, %B72.i33 ]
  %lsr.iv154 = add i64 %lsr.iv154.in, 1
  %scevgep156 = getelementptr i8, ptr %arg.text, i64 %lsr.iv154
  %.63.i40 = load i8, ptr %scevgep156, align 1
  switch i8 %.63.i40, label %B488 [
    i8 32, label %B174.i41
    i8 9, label %B174.i41
  ]
B174.i41:
  %.64.i42 = zext i8 %.63.i40 to i64
  %.91.not.i43 = icmp eq i64 %arg.delimiter, %.64.i42
  br i1 %.91.not.i43, label %B488, label %B96.i36
B488:
  %place.8.2 = phi i64 [ %place.7.1.lcssa, %switch.early.test ], [ %place.7.1.lcssa, %B198 ], [ %place.7.1.lcssa, %switch.early.test ], [ %storemerge.i.fca.1.extract, %B72.i33 ], [ %storemerge.i.fca.1.extract, %B454 ], [ %lsr.iv154, %B96.i36 ], [ %lsr.iv154, %B174.i41 ]
  %value.2.2 = phi float [ 0x7FF8000000000000, %switch.early.test ], [ 0x7FF8000000000000, %B198 ], [ 0x7FF8000000000000, %switch.early.test ], [ %storemerge.i.fca.0.extract, %B72.i33 ], [ %storemerge.i.fca.0.extract, %B454 ], [ %storemerge.i.fca.0.extract, %B96.i36 ], [ %storemerge.i.fca.0.extract, %B174.i41 ]
  %.331 = icmp eq i64 %column.3.1.lcssa, %arg.width
  br i1 %.331, label %common.ret, label %B514
B514:
  %.361 = icmp slt i64 %column.3.1.lcssa, %arg.leading
  br i1 %.361, label %B526, label %B550
B526:
  %.365 = mul nsw i64 %column.3.1.lcssa, %arg.most
  %1 = getelementptr float, ptr %arg.first_kn, i64 %.365
  %.370 = getelementptr float, ptr %1, i64 %row.2.1.ph
  store float %value.2.2, ptr %.370, align 4
  br label %B584
B550:
  %.379 = mul nsw i64 %row.2.1.ph, %.377
  %.381 = sub i64 %column.3.1.lcssa, %arg.leading
  %2 = getelementptr float, ptr %arg.rest_nd, i64 %.381
  %.386 = getelementptr float, ptr %2, i64 %.379
  store float %value.2.2, ptr %.386, align 4
  br label %B584
B584:
  %.396 = add nsw i64 %column.3.1.lcssa, 1
  %.404 = getelementptr i8, ptr %arg.text, i64 %place.8.2
  %.405 = load i8, ptr %.404, align 1
  %.407 = icmp eq i8 %.405, 13
  br i1 %.407, label %B628, label %B678
B628:
  %.413 = add nsw i64 %place.8.2, 1
  %.415 = getelementptr i8, ptr %arg.text, i64 %.413
  %.416 = load i8, ptr %.415, align 1
  %.418 = icmp eq i8 %.416, 10
  %spec.select = select i1 %.418, i64 %.413, i64 %place.8.2
  %.431.phi.trans.insert = getelementptr i8, ptr %arg.text, i64 %spec.select
  %.432.pre = load i8, ptr %.431.phi.trans.insert, align 1
  br label %B678
B678:
  %.432 = phi i8 [ %.405, %B584 ], [ %.432.pre, %B628 ]
  %place.9.2 = phi i64 [ %place.8.2, %B584 ], [ %spec.select, %B628 ]
  %.434 = icmp eq i8 %.432, 10
  br i1 %.434, label %B712, label %B754
B712:
  %.438.not = icmp eq i64 %.396, %arg.width
  br i1 %.438.not, label %B738, label %common.ret
B738:
  %.465 = add nsw i64 %row.2.1.ph, 1
  br label %B792
B754:
  %.433 = zext i8 %.432 to i64
  %.491.not = icmp eq i64 %arg.delimiter, %.433
  br i1 %.491.not, label %B792, label %common.ret
B792:
  %row.4.2 = phi i64 [ %.465, %B738 ], [ %row.2.1.ph, %B754 ]
  %column.5.2 = phi i64 [ 0, %B738 ], [ %.396, %B754 ]
  %.531 = add nsw i64 %place.9.2, 1
  %.537 = icmp slt i64 %.531, %arg.size
  br i1 %.537, label %B30.outer, label %common.ret
B350.endif:
  %place.3.1.i = phi i64 [ %place.7.1.lcssa, %B72.i ], [ %place.7.1.lcssa, %switch.early.test ], [ %lsr.iv, %B96.i ], [ %lsr.iv, %B174.i ]
  %.12.i = getelementptr i8, ptr %arg.text, i64 %place.3.1.i
  %.13.i = load i8, ptr %.12.i, align 1
  %.15.i = icmp eq i8 %.13.i, 45
  %.30.i = icmp eq i8 %.13.i, 43
  %or.cond.i = or i1 %.15.i, %.30.i
  %.33.i = zext i1 %or.cond.i to i64
  %place.3.1.i1 = add nsw i64 %place.3.1.i, %.33.i
  %.28.i.i = getelementptr i8, ptr %arg.text, i64 %place.3.1.i1
  %.29.i.i = load i8, ptr %.28.i.i, align 1
  %.31.i.i = add i8 %.29.i.i, -48
  %.37.i.i = icmp ult i8 %.31.i.i, 10
  br i1 %.37.i.i, label %B88.i.i, label %B86.endif.i
B88.i.i:
  %place.2.0.i.i = phi i64 [ %.101.i.i, %B210.i.i ], [ %place.3.1.i1, %B350.endif ]
  %mantissa.2.0.i.i = phi i64 [ %mantissa.3.1.i.i, %B210.i.i ], [ 0, %B350.endif ]
  %dropped.2.0.i.i = phi i64 [ %dropped.3.1.i.i, %B210.i.i ], [ 0, %B350.endif ]
  %digit.2.0.i.i = phi i8 [ %.110.i.i, %B210.i.i ], [ %.31.i.i, %B350.endif ]
  %.49.i.i = icmp ult i64 %mantissa.2.0.i.i, 1000000000000000000
  br i1 %.49.i.i, label %B110.i.i, label %B200.i.i
B110.i.i:
  %.58.i.i = mul nuw i64 %mantissa.2.0.i.i, 10
  %.62.i.i = zext i8 %digit.2.0.i.i to i64
  %.65.i.i = add nuw i64 %.58.i.i, %.62.i.i
  br label %B210.i.i
B200.i.i:
  %.78.i.i = add nsw i64 %dropped.2.0.i.i, 1
  br label %B210.i.i
B210.i.i:
  %dropped.3.1.i.i = phi i64 [ %dropped.2.0.i.i, %B110.i.i ], [ %.78.i.i, %B200.i.i ]
  %mantissa.3.1.i.i = phi i64 [ %.65.i.i, %B110.i.i ], [ %mantissa.2.0.i.i, %B200.i.i ]
  %.101.i.i = add i64 %place.2.0.i.i, 1
  %sunkaddr.i = getelementptr i8, ptr %arg.text, i64 %place.2.0.i.i
  %sunkaddr12.i = getelementptr i8, ptr %sunkaddr.i, i64 1
  %.108.i.i = load i8, ptr %sunkaddr12.i, align 1
  %.110.i.i = add i8 %.108.i.i, -48
  %.115.i.i = icmp ult i8 %.110.i.i, 10
  br i1 %.115.i.i, label %B88.i.i, label %B86.endif.i
B212.i:
  %.117.i = add nsw i64 %place.3.1.i.i, 1
  %.28.i1.i = getelementptr i8, ptr %arg.text, i64 %.117.i
  %.29.i2.i = load i8, ptr %.28.i1.i, align 1
  %.31.i3.i = add i8 %.29.i2.i, -48
  %.37.i4.i = icmp ult i8 %.31.i3.i, 10
  br i1 %.37.i4.i, label %B88.i10.i, label %B212.endif.i
B88.i10.i:
  %place.2.0.i11.i = phi i64 [ %.101.i21.i, %B210.i18.i ], [ %.117.i, %B212.i ]
  %mantissa.2.0.i12.i = phi i64 [ %mantissa.3.1.i20.i, %B210.i18.i ], [ %mantissa.4.1.i.i, %B212.i ]
  %dropped.2.0.i13.i = phi i64 [ %dropped.3.1.i19.i, %B210.i18.i ], [ 0, %B212.i ]
  %digit.2.0.i14.i = phi i8 [ %.110.i25.i, %B210.i18.i ], [ %.31.i3.i, %B212.i ]
  %.49.i15.i = icmp ult i64 %mantissa.2.0.i12.i, 1000000000000000000
  br i1 %.49.i15.i, label %B110.i27.i, label %B200.i16.i
B110.i27.i:
  %.58.i28.i = mul nuw i64 %mantissa.2.0.i12.i, 10
  %.62.i29.i = zext i8 %digit.2.0.i14.i to i64
  %.65.i30.i = add nuw i64 %.58.i28.i, %.62.i29.i
  br label %B210.i18.i
B200.i16.i:
  %.78.i17.i = add nsw i64 %dropped.2.0.i13.i, 1
  br label %B210.i18.i
B210.i18.i:
  %dropped.3.1.i19.i = phi i64 [ %dropped.2.0.i13.i, %B110.i27.i ], [ %.78.i17.i, %B200.i16.i ]
  %mantissa.3.1.i20.i = phi i64 [ %.65.i30.i, %B110.i27.i ], [ %mantissa.2.0.i12.i, %B200.i16.i ]
  %.101.i21.i = add i64 %place.2.0.i11.i, 1
  %sunkaddr13.i = getelementptr i8, ptr %arg.text, i64 %place.2.0.i11.i
  %sunkaddr14.i = getelementptr i8, ptr %sunkaddr13.i, i64 1
  %.108.i24.i = load i8, ptr %sunkaddr14.i, align 1
  %.110.i25.i = add i8 %.108.i24.i, -48
  %.115.i26.i = icmp ult i8 %.110.i25.i, 10
  br i1 %.115.i26.i, label %B88.i10.i, label %B212.endif.i
B302.i:
  %mantissa.2.0.i = phi i64 [ %mantissa.4.1.i6.i, %B212.endif.i ], [ %mantissa.4.1.i.i, %B86.endif.i ]
  %power.3.0.i = phi i64 [ %.169.i, %B212.endif.i ], [ %dropped.4.1.i.i, %B86.endif.i ]
  %place.1.3.0.i = phi i64 [ %place.3.1.i5.i, %B212.endif.i ], [ %place.3.1.i.i, %B86.endif.i ]
  %digits.2.0.i = phi i64 [ %.161.i, %B212.endif.i ], [ %.101.i, %B86.endif.i ]
  %.192.not.i = icmp eq i64 %digits.2.0.i, 0
  br i1 %.192.not.i, label %B410.i, label %B306.i
B306.i:
  %.202.i = getelementptr i8, ptr %arg.text, i64 %place.1.3.0.i
  %.203.i = load i8, ptr %.202.i, align 1
  %3 = and i8 %.203.i, -33
  %.206.i = icmp eq i8 %3, 69
  br i1 %.206.i, label %B356.i, label %B410.i
B356.i:
  %.210.i = add nsw i64 %place.1.3.0.i, 1
  %.12.i.i = getelementptr i8, ptr %arg.text, i64 %.210.i
  %.13.i.i = load i8, ptr %.12.i.i, align 1
  %.15.i.i = icmp eq i8 %.13.i.i, 45
  %.30.i.i = icmp eq i8 %.13.i.i, 43
  %or.cond.i.i = or i1 %.15.i.i, %.30.i.i
  %.33.i.i = zext i1 %or.cond.i.i to i64
  %place.3.1.i32.i = add nsw i64 %.210.i, %.33.i.i
  %.61.i.i = getelementptr i8, ptr %arg.text, i64 %place.3.1.i32.i
  %.62.i33.i = load i8, ptr %.61.i.i, align 1
  %.66.i.i = add i8 %.62.i33.i, -48
  %.72.i.i = icmp ult i8 %.66.i.i, 10
  br i1 %.72.i.i, label %B174.endif.endif.i.i, label %B356.endif.i
B174.endif.endif.i.i:
  %place.4.0.i.i = phi i64 [ %.138.i.i, %B174.endif.endif.i.i ], [ %place.3.1.i32.i, %B356.i ]
  %power.2.0.i.i = phi i64 [ %.13.i.i.i, %B174.endif.endif.i.i ], [ 0, %B356.i ]
  %digit.2.0.i34.i = phi i8 [ %.147.i.i, %B174.endif.endif.i.i ], [ %.66.i.i, %B356.i ]
  %.75.i.i = mul nsw i64 %power.2.0.i.i, 10
  %.103.i.i = zext i8 %digit.2.0.i34.i to i64
  %.104.i.i = add nsw i64 %.75.i.i, %.103.i.i
  %.13.i.i.i = tail call i64 @llvm.smin.i64(i64 %.104.i.i, i64 10000)
  %.138.i.i = add i64 %place.4.0.i.i, 1
  %sunkaddr18.i = getelementptr i8, ptr %arg.text, i64 %place.4.0.i.i
  %sunkaddr19.i = getelementptr i8, ptr %sunkaddr18.i, i64 1
  %.145.i.i = load i8, ptr %sunkaddr19.i, align 1
  %.147.i.i = add i8 %.145.i.i, -48
  %.152.i.i = icmp ult i8 %.147.i.i, 10
  br i1 %.152.i.i, label %B174.endif.endif.i.i, label %B356.endif.i
B410.i:
  %power.4.0.i = phi i64 [ %.251.i, %B356.endif.i ], [ %power.3.0.i, %B306.i ], [ %power.3.0.i, %B302.i ]
  %place.1.4.0.i = phi i64 [ %"$phi384.1.2.0.i.i", %B356.endif.i ], [ %place.1.3.0.i, %B306.i ], [ %place.1.3.0.i, %B302.i ]
  %.11.i.i = uitofp i64 %mantissa.2.0.i to double
  %.13.i36.i = icmp eq i64 %mantissa.2.0.i, 0
  br i1 %.13.i36.i, label %B410.endif.i, label %B20.i.i
B20.i.i:
  %4 = add i64 %power.4.0.i, -61
  %or.cond.i37.i = icmp ult i64 %4, -121
  br i1 %or.cond.i37.i, label %_number.loop.exit, label %B90.i.i
B90.i.i:
  %.35.i.i = icmp slt i64 %power.4.0.i, 0
  br i1 %.35.i.i, label %B102.i.i, label %B136.i.i
B102.i.i:
  %.64.i.i = sub nsw i64 0, %power.4.0.i
  %.92.i.i = getelementptr double, ptr @.const.array.data.2.5, i64 %.64.i.i
  %.93.i.i = load double, ptr %.92.i.i, align 8
  %.102.i.i = fdiv double %.11.i.i, %.93.i.i
  br label %B166.i.i
B136.i.i:
  %.161.i.i = getelementptr double, ptr @.const.array.data.2.5, i64 %power.4.0.i
  %.162.i.i = load double, ptr %.161.i.i, align 8
  %.168.i.i = fmul double %.162.i.i, %.11.i.i
  br label %B166.i.i
B166.i.i:
  %"$phi166.0.2.0.i.i" = phi double [ %.102.i.i, %B102.i.i ], [ %.168.i.i, %B136.i.i ]
  %.179.i.i = fcmp oge double %"$phi166.0.2.0.i.i", 0x3810000000000000
  %.186.i.i = fcmp olt double %"$phi166.0.2.0.i.i", 0x47EFFFFFF0000000
  %or.cond84.i.i = and i1 %.179.i.i, %.186.i.i
  br i1 %or.cond84.i.i, label %B242.endif.i.i, label %_number.loop.exit
B348.i.i:
  %.244.i.i = icmp ult i64 %mantissa.2.0.i, 9007199254740993
  %5 = add nsw i64 %power.4.0.i, 12
  %6 = icmp ult i64 %5, 13
  %or.cond86.i.i = select i1 %.244.i.i, i1 %6, i1 false
  br i1 %or.cond86.i.i, label %B418.i.i, label %_number.loop.exit
B418.i.i:
  %.310.i.i = sub nsw i64 0, %power.4.0.i
  %.340.i.i = getelementptr double, ptr @.const.array.data.2.5, i64 %.310.i.i
  %.341.i.i = load double, ptr %.340.i.i, align 8
  %.346.i.i = fmul double %"$phi166.0.2.0.i.i", %.341.i.i
  %.349.i.i = fcmp une double %.346.i.i, %.11.i.i
  br i1 %.349.i.i, label %_number.loop.exit, label %B410.endif.i
B242.endif.i.i:
  %7 = bitcast double %"$phi166.0.2.0.i.i" to i64
  %.236.i.i = and i64 %7, 536870911
  %8 = tail call { i64, i1 } @llvm.usub.with.overflow.i64(i64 %.236.i.i, i64 268435456)
  %math.i.i = extractvalue { i64, i1 } %8, 0
  %ov.i.i = extractvalue { i64, i1 } %8, 1
  %.239.i.i = sub nsw i64 268435456, %.236.i.i
  %.240.i.i = select i1 %ov.i.i, i64 %.239.i.i, i64 %math.i.i
  %.241.i.i = icmp ult i64 %.240.i.i, 9
  br i1 %.241.i.i, label %B348.i.i, label %B410.endif.i
B548.i:
  %.350.i = fneg double %"$phi166.0.2.0.sink.i.i"
  %"$phi582.2.2.0.i" = select i1 %.15.i, double %.350.i, double %"$phi166.0.2.0.sink.i.i"
  %.364.i = fptrunc double %"$phi582.2.2.0.i" to float
  %.370.i = insertvalue { float, i64 } undef, float %.364.i, 0
  %.371.i = insertvalue { float, i64 } %.370.i, i64 %place.1.4.0.i, 1
  br label %_number.loop.exit
B86.endif.i:
  %.112.i = phi i8 [ %.29.i.i, %B350.endif ], [ %.108.i.i, %B210.i.i ]
  %place.3.1.i.i = phi i64 [ %place.3.1.i1, %B350.endif ], [ %.101.i.i, %B210.i.i ]
  %mantissa.4.1.i.i = phi i64 [ 0, %B350.endif ], [ %mantissa.3.1.i.i, %B210.i.i ]
  %dropped.4.1.i.i = phi i64 [ 0, %B350.endif ], [ %dropped.3.1.i.i, %B210.i.i ]
  %.101.i = sub nsw i64 %place.3.1.i.i, %place.3.1.i1
  %.114.i = icmp eq i8 %.112.i, 46
  br i1 %.114.i, label %B212.i, label %B302.i
B212.endif.i:
  %place.3.1.i5.i = phi i64 [ %.117.i, %B212.i ], [ %.101.i21.i, %B210.i18.i ]
  %mantissa.4.1.i6.i = phi i64 [ %mantissa.4.1.i.i, %B212.i ], [ %mantissa.3.1.i20.i, %B210.i18.i ]
  %dropped.4.1.i7.i = phi i64 [ 0, %B212.i ], [ %dropped.3.1.i19.i, %B210.i18.i ]
  %.159.i = sub nsw i64 %place.3.1.i5.i, %.117.i
  %.161.i = add nsw i64 %.159.i, %.101.i
  %.167.neg.i = sub i64 %dropped.4.1.i.i, %.159.i
  %.169.i = add i64 %.167.neg.i, %dropped.4.1.i7.i
  br label %B302.i
B356.endif.i:
  %place.5.1.i.i = phi i64 [ %place.3.1.i32.i, %B356.i ], [ %.138.i.i, %B174.endif.endif.i.i ]
  %power.3.1.i.i = phi i64 [ 0, %B356.i ], [ %.13.i.i.i, %B174.endif.endif.i.i ]
  %.167.i.i = sub i64 0, %power.3.1.i.i
  %spec.select.i.i = select i1 %.15.i.i, i64 %.167.i.i, i64 %power.3.1.i.i
  %.182.i.i = icmp sgt i64 %place.5.1.i.i, %place.3.1.i32.i
  %"$phi384.1.2.0.i.i" = select i1 %.182.i.i, i64 %place.5.1.i.i, i64 -1
  %.251.i = add nsw i64 %spec.select.i.i, %power.3.0.i
  br label %B410.i
B410.endif.i:
  %"$phi166.0.2.0.sink.i.i" = phi double [ 0.000000e+00, %B410.i ], [ %"$phi166.0.2.0.i.i", %B242.endif.i.i ], [ %"$phi166.0.2.0.i.i", %B418.i.i ]
  br i1 %.192.not.i, label %_number.loop.exit, label %B548.i
_number.loop.exit:
  %storemerge.i = phi { float, i64 } [ %.371.i, %B548.i ], [ { float 0.000000e+00, i64 -1 }, %B418.i.i ], [ { float 0.000000e+00, i64 -1 }, %B348.i.i ], [ { float 0.000000e+00, i64 -1 }, %B20.i.i ], [ { float 0.000000e+00, i64 -1 }, %B166.i.i ], [ { float 0.000000e+00, i64 -1 }, %B410.endif.i ]
  %storemerge.i.fca.0.extract = extractvalue { float, i64 } %storemerge.i, 0
  %storemerge.i.fca.1.extract = extractvalue { float, i64 } %storemerge.i, 1
  %.259 = icmp eq i64 %storemerge.i.fca.1.extract, -1
  br i1 %.259, label %common.ret, label %B454
}
define i64 @csv(ptr %.1, i64 %.2, i64 %.3, ptr %.4, ptr %.5, i64 %.6, i64 %.7, i64 %.8) {
entry:
  %.10 = alloca i64, align 8
  store i64 0, ptr %.10, align 8
  call fastcc void @csv.loop(ptr %.10, ptr %.1, i64 %.2, i64 %.3, ptr %.4, ptr %.5, i64 %.6, i64 %.7, i64 %.8)
  %.24 = load i64, ptr %.10, align 8
  ret i64 %.24
}
declare i64 @llvm.smin.i64(i64, i64)
declare { i64, i1 } @llvm.usub.with.overflow.i64(i64, i64)
define i64 @libsvm(ptr %.1, i64 %.2, ptr %.3, ptr %.4, ptr %.5, ptr %.6, ptr %.7, ptr %.8, ptr %.9) {
entry:
  %.11 = alloca i64, align 8
  store i64 0, ptr %.11, align 8
  call fastcc void @libsvm.loop(ptr %.11, ptr %.1, i64 %.2, ptr %.3, ptr %.4, ptr %.5, ptr %.6, ptr %.7, ptr %.8, ptr %.9)
  %.25 = load i64, ptr %.11, align 8
  ret i64 %.25
}
define internal fastcc void @libsvm.loop(ptr %retptr, ptr %arg.text, i64 %arg.size, ptr %arg.labels_n, ptr %arg.weights_n, ptr %arg.groups_n, ptr %arg.starts_n, ptr %arg.columns_z, ptr %arg.values_z, ptr %arg.found_3) {
B0:
  %.20.i = alloca { float, i64 }, align 8
  %.89.i = alloca { float, i64 }, align 8
  %.531 = alloca { float, i64 }, align 8
  store i64 0, ptr %arg.starts_n, align 8
  %.141328 = icmp sgt i64 %arg.size, 0
  br i1 %.141328, label %B52.outer.preheader, label %B788
B52.outer.preheader:
  %.fca.1.gep46.i = getelementptr i8, ptr %.20.i, i64 8
  %sunkaddr.i1 = getelementptr i8, ptr %.89.i, i64 8
  %sunkaddr494 = getelementptr i8, ptr %.531, i64 8
  br label %B52.outer
B52.outer:
  %place.10.1.ph = phi i64 [ %.788, %B744 ], [ 0, %B52.outer.preheader ]
  %row.2.1.ph = phi i64 [ %.776, %B744 ], [ 0, %B52.outer.preheader ]
  %stored.3.1.ph = phi i64 [ %stored.4.3, %B744 ], [ 0, %B52.outer.preheader ]
  %width.3.1.ph = phi i64 [ %width.4.3, %B744 ], [ 0, %B52.outer.preheader ]
  %weights.2.1.ph = phi i1 [ %.256, %B744 ], [ false, %B52.outer.preheader ]
  %groups.2.1.ph = phi i1 [ %.265, %B744 ], [ false, %B52.outer.preheader ]
  br label %B52
B52:
  %place.10.1 = phi i64 [ %.223, %B118 ], [ %place.10.1.ph, %B52.outer ]
  %.16.i = getelementptr i8, ptr %arg.text, i64 %place.10.1
  %.17.i = load i8, ptr %.16.i, align 1
  switch i8 %.17.i, label %B52.endif [
    i8 32, label %B46.preheader.i
    i8 13, label %B46.preheader.i
    i8 12, label %B46.preheader.i
    i8 11, label %B46.preheader.i
    i8 9, label %B46.preheader.i
  ]
B46.preheader.i:
  %.5526.i = add nsw i64 %place.10.1, 1
  %.6227.i = getelementptr i8, ptr %arg.text, i64 %.5526.i
  %.6328.i = load i8, ptr %.6227.i, align 1
  switch i8 %.6328.i, label %B52.endif [
    i8 32, label %B46.backedge.preheader.i
    i8 13, label %B46.backedge.preheader.i
    i8 12, label %B46.backedge.preheader.i
    i8 11, label %B46.backedge.preheader.i
    i8 9, label %B46.backedge.preheader.i
  ]
B46.backedge.preheader.i:
  %0 = add i64 %place.10.1, 2
  br label %B46.backedge.i
B46.backedge.i:
  %lsr.iv.i = phi i64 [ %lsr.iv.next.i, %B46.backedge.backedge.i ], [ %0, %B46.backedge.preheader.i ]
  %scevgep.i = getelementptr i8, ptr %arg.text, i64 %lsr.iv.i
  %.63.i = load i8, ptr %scevgep.i, align 1
  switch i8 %.63.i, label %B52.endif [
    i8 32, label %B46.backedge.backedge.i
    i8 13, label %B46.backedge.backedge.i
    i8 12, label %B46.backedge.backedge.i
    i8 11, label %B46.backedge.backedge.i
    i8 9, label %B46.backedge.backedge.i
  ]
B46.backedge.backedge.i:
  %lsr.iv.next.i = add i64 %lsr.iv.i, 1
  br label %B46.backedge.i
B118:
  %.223 = add nsw i64 %place.3.1.i, 1
  %.141 = icmp slt i64 %.223, %arg.size
  br i1 %.141, label %B52, label %B788.loopexit
B130:
  store float 0.000000e+00, ptr %.20.i, align 8
  store i64 0, ptr %.fca.1.gep46.i, align 8
  call fastcc void @_number.loop.4(ptr %.20.i, ptr %arg.text, i64 %place.3.1.i)
  %.34.fca.1.load.i = load i64, ptr %.fca.1.gep46.i, align 8
  %.34.fca.0.load.i = load float, ptr %.20.i, align 8
  %.51.i = getelementptr float, ptr %arg.labels_n, i64 %row.2.1.ph
  store float %.34.fca.0.load.i, ptr %.51.i, align 4
  %.57.not.i = icmp eq i64 %.34.fca.1.load.i, -1
  br i1 %.57.not.i, label %_before_features.loop.exit, label %B102.i
B102.i:
  %.64.i = getelementptr i8, ptr %arg.text, i64 %.34.fca.1.load.i
  %.65.i = load i8, ptr %.64.i, align 1
  %.67.i = icmp eq i8 %.65.i, 58
  br i1 %.67.i, label %B108.i, label %B180.i
B108.i:
  %.85.i = add nuw nsw i64 %.34.fca.1.load.i, 1
  store float 0.000000e+00, ptr %.89.i, align 8
  store i64 0, ptr %sunkaddr.i1, align 8
  call fastcc void @_number.loop.4(ptr %.89.i, ptr %arg.text, i64 %.85.i)
  %.103.fca.1.load.i = load i64, ptr %sunkaddr.i1, align 8
  %.103.fca.0.load.i = load float, ptr %.89.i, align 8
  %.119.i = getelementptr float, ptr %arg.weights_n, i64 %row.2.1.ph
  store float %.103.fca.0.load.i, ptr %.119.i, align 4
  %.131.i2 = icmp eq i64 %.103.fca.1.load.i, -1
  br i1 %.131.i2, label %_before_features.loop.exit, label %B158.B180_crit_edge.i
B158.B180_crit_edge.i:
  %.136.phi.trans.insert.i = getelementptr i8, ptr %arg.text, i64 %.103.fca.1.load.i
  %.137.pre.i = load i8, ptr %.136.phi.trans.insert.i, align 1
  br label %B180.i
B180.i:
  %.175.i = phi i8 [ %.137.pre.i, %B158.B180_crit_edge.i ], [ %.65.i, %B102.i ]
  %place.1.3.064.i = phi i64 [ %.103.fca.1.load.i, %B158.B180_crit_edge.i ], [ %.34.fca.1.load.i, %B102.i ]
  switch i8 %.175.i, label %_before_features.loop.exit [
    i8 10, label %B560.i
    i8 32, label %B46.preheader.i.i
    i8 13, label %B46.preheader.i.i
    i8 12, label %B46.preheader.i.i
    i8 11, label %B46.preheader.i.i
    i8 9, label %B46.preheader.i.i
  ]
B46.preheader.i.i:
  %.5526.i.i = add nuw nsw i64 %place.1.3.064.i, 1
  %.6227.i.i = getelementptr i8, ptr %arg.text, i64 %.5526.i.i
  %.6328.i.i = load i8, ptr %.6227.i.i, align 1
  switch i8 %.6328.i.i, label %B276.endif.i [
    i8 32, label %B46.backedge.preheader.i.i
    i8 13, label %B46.backedge.preheader.i.i
    i8 12, label %B46.backedge.preheader.i.i
    i8 11, label %B46.backedge.preheader.i.i
    i8 9, label %B46.backedge.preheader.i.i
  ]
B46.backedge.preheader.i.i:
  %1 = add i64 %place.1.3.064.i, 2
  br label %B46.backedge.i.i
B46.backedge.i.i:
  %lsr.iv.i.i = phi i64 [ %lsr.iv.next.i.i, %B46.backedge.backedge.i.i ], [ %1, %B46.backedge.preheader.i.i ]
  %scevgep.i.i = getelementptr i8, ptr %arg.text, i64 %lsr.iv.i.i
  %.63.i.i = load i8, ptr %scevgep.i.i, align 1
  switch i8 %.63.i.i, label %B276.endif.i [
    i8 32, label %B46.backedge.backedge.i.i
    i8 13, label %B46.backedge.backedge.i.i
    i8 12, label %B46.backedge.backedge.i.i
    i8 11, label %B46.backedge.backedge.i.i
    i8 9, label %B46.backedge.backedge.i.i
  ]
B46.backedge.backedge.i.i:
  %lsr.iv.next.i.i = add i64 %lsr.iv.i.i, 1
  br label %B46.backedge.i.i
B344.i:
  %.298.i = add nsw i64 %place.3.1.i.i, 4
  %.30.i.i = getelementptr i8, ptr %arg.text, i64 %.298.i
  %.31.i.i = load i8, ptr %.30.i.i, align 1
  %.33.i.i = add i8 %.31.i.i, -48
  %.40.i.i = icmp ult i8 %.33.i.i, 10
  br i1 %.40.i.i, label %B110.endif.i.i, label %B344.endif.thread.i
B260.i.i:
  %.196.not.i.i = icmp slt i64 %place.2.1.i.i, %.298.i
  br i1 %.196.not.i.i, label %B344.endif.thread.i, label %B344.endif.i
B110.endif.i.i:
  %lsr.iv.i7.i = phi i64 [ %lsr.iv.next.i8.i, %B110.endif.i.i ], [ -1, %B344.i ]
  %place.2.1.i.i = phi i64 [ %.117.i.i, %B110.endif.i.i ], [ %.298.i, %B344.i ]
  %number.2.1.i.i = phi i64 [ %.109.i.i, %B110.endif.i.i ], [ 0, %B344.i ]
  %digit.2.1.i.i = phi i8 [ %.131.i.i, %B110.endif.i.i ], [ %.33.i.i, %B344.i ]
  %.76.i.i = mul nsw i64 %number.2.1.i.i, 10
  %.108.i.i = zext i8 %digit.2.1.i.i to i64
  %.109.i.i = add nsw i64 %.76.i.i, %.108.i.i
  %.117.i.i = add nsw i64 %place.2.1.i.i, 1
  %sunkaddr.i.i = getelementptr i8, ptr %arg.text, i64 %place.2.1.i.i
  %sunkaddr4.i.i = getelementptr i8, ptr %sunkaddr.i.i, i64 1
  %.129.i.i = load i8, ptr %sunkaddr4.i.i, align 1
  %.131.i.i = add i8 %.129.i.i, -48
  %.138.i.i = icmp ult i8 %.131.i.i, 10
  %.165.i.i = icmp slt i64 %lsr.iv.i7.i, 16
  %or.cond.i.i = select i1 %.138.i.i, i1 %.165.i.i, i1 false
  %lsr.iv.next.i8.i = add nsw i64 %lsr.iv.i7.i, 1
  br i1 %or.cond.i.i, label %B110.endif.i.i, label %B260.i.i
B464.i:
  %.354.i = getelementptr i8, ptr %arg.text, i64 %.117.i.i
  %.355.i = load i8, ptr %.354.i, align 1
  switch i8 %.355.i, label %_before_features.loop.exit [
    i8 32, label %B560.i
    i8 13, label %B560.i
    i8 12, label %B560.i
    i8 11, label %B560.i
    i8 10, label %B560.i
    i8 9, label %B560.i
  ]
B560.i:
  %.26116.i = phi i8 [ 0, %B276.endif.i ], [ 1, %B464.i ], [ 0, %switch.end.3.i.i ], [ 0, %switch.end.2.i.i ], [ 0, %switch.end.1.i.i ], [ 1, %B464.i ], [ 1, %B464.i ], [ 1, %B464.i ], [ 1, %B464.i ], [ 1, %B464.i ], [ 0, %B180.i ]
  %place.1.4.0.i = phi i64 [ %place.1.3.064.i, %B276.endif.i ], [ %.117.i.i, %B464.i ], [ %place.1.3.064.i, %switch.end.3.i.i ], [ %place.1.3.064.i, %switch.end.2.i.i ], [ %place.1.3.064.i, %switch.end.1.i.i ], [ %.117.i.i, %B464.i ], [ %.117.i.i, %B464.i ], [ %.117.i.i, %B464.i ], [ %.117.i.i, %B464.i ], [ %.117.i.i, %B464.i ], [ %place.1.3.064.i, %B180.i ]
  %.452.i = zext i1 %.67.i to i8
  %.454.i = insertvalue { i64, i8, i8 } undef, i64 %place.1.4.0.i, 0
  %.455.i = insertvalue { i64, i8, i8 } %.454.i, i8 %.452.i, 1
  %.456.i = insertvalue { i64, i8, i8 } %.455.i, i8 %.26116.i, 2
  br label %_before_features.loop.exit
B276.endif.i:
  %.145.i.i = phi i8 [ %.6328.i.i, %B46.preheader.i.i ], [ %.63.i.i, %B46.backedge.i.i ]
  %place.3.1.i.i = phi i64 [ %.5526.i.i, %B46.preheader.i.i ], [ %lsr.iv.i.i, %B46.backedge.i.i ]
  %.174.not.i.i = icmp eq i8 %.145.i.i, 113
  br i1 %.174.not.i.i, label %switch.end.1.i.i, label %B560.i
switch.end.1.i.i:
  %sunkaddr29.i = getelementptr i8, ptr %arg.text, i64 %place.3.1.i.i
  %sunkaddr30.i = getelementptr i8, ptr %sunkaddr29.i, i64 1
  %.145.1.i.i = load i8, ptr %sunkaddr30.i, align 1
  %.174.not.1.i.i = icmp eq i8 %.145.1.i.i, 105
  br i1 %.174.not.1.i.i, label %switch.end.2.i.i, label %B560.i
switch.end.2.i.i:
  %sunkaddr3.i = getelementptr i8, ptr %sunkaddr29.i, i64 2
  %.145.2.i.i = load i8, ptr %sunkaddr3.i, align 1
  %.174.not.2.i.i = icmp eq i8 %.145.2.i.i, 100
  br i1 %.174.not.2.i.i, label %switch.end.3.i.i, label %B560.i
switch.end.3.i.i:
  %sunkaddr5.i = getelementptr i8, ptr %sunkaddr29.i, i64 3
  %.145.3.i.i = load i8, ptr %sunkaddr5.i, align 1
  %.174.not.3.i.i = icmp eq i8 %.145.3.i.i, 58
  br i1 %.174.not.3.i.i, label %B344.i, label %B560.i
B344.endif.thread.i:
  %number.3.071.i.ph.i = phi i64 [ 0, %B344.i ], [ %.109.i.i, %B260.i.i ]
  %.33620.i = getelementptr i64, ptr %arg.groups_n, i64 %row.2.1.ph
  store i64 %number.3.071.i.ph.i, ptr %.33620.i, align 8
  br label %_before_features.loop.exit
B344.endif.i:
  %.336.i = getelementptr i64, ptr %arg.groups_n, i64 %row.2.1.ph
  store i64 %.109.i.i, ptr %.336.i, align 8
  %.346.i = icmp eq i64 %.117.i.i, -1
  br i1 %.346.i, label %_before_features.loop.exit, label %B464.i
_before_features.loop.exit:
  %.456.sink.i = phi { i64, i8, i8 } [ %.456.i, %B560.i ], [ { i64 -1, i8 0, i8 0 }, %B108.i ], [ { i64 -1, i8 0, i8 0 }, %B130 ], [ { i64 -1, i8 0, i8 0 }, %B180.i ], [ { i64 -1, i8 0, i8 0 }, %B344.endif.i ], [ { i64 -1, i8 0, i8 0 }, %B344.endif.thread.i ], [ { i64 -1, i8 0, i8 0 }, %B464.i ]
  %.456.sink.i.fca.0.extract = extractvalue { i64, i8, i8 } %.456.sink.i, 0
  %.456.sink.i.fca.1.extract = extractvalue { i64, i8, i8 } %.456.sink.i, 1
  %.456.sink.i.fca.2.extract = extractvalue { i64, i8, i8 } %.456.sink.i, 2
  %.256 = icmp ne i8 %.456.sink.i.fca.1.extract, 0
  %.265 = icmp ne i8 %.456.sink.i.fca.2.extract, 0
  %.296 = icmp eq i64 %.456.sink.i.fca.0.extract, -1
  br i1 %.296, label %common.ret, label %B200
B200:
  %.299.not = icmp eq i64 %row.2.1.ph, 0
  br i1 %.299.not, label %B242, label %B204
B204:
  %.303 = xor i1 %weights.2.1.ph, %.256
  %.309 = xor i1 %groups.2.1.ph, %.265
  %or.cond = select i1 %.303, i1 true, i1 %.309
  br i1 %or.cond, label %common.ret, label %B242
common.ret:
  %row.4.2.sink = phi i64 [ %row.4.2, %B788 ], [ -1, %B458 ], [ -1, %B388 ], [ -1, %B260.i ], [ -1, %B316 ], [ -1, %B530.endif.endif ], [ -1, %_before_features.loop.exit ], [ -1, %B204 ]
  store i64 %row.4.2.sink, ptr %retptr, align 8
  ret void
B242:
  %.16.i147 = getelementptr i8, ptr %arg.text, i64 %.456.sink.i.fca.0.extract
  %.17.i148 = load i8, ptr %.16.i147, align 1
  switch i8 %.17.i148, label %B242.endif [
    i8 32, label %B46.preheader.i149
    i8 13, label %B46.preheader.i149
    i8 12, label %B46.preheader.i149
    i8 11, label %B46.preheader.i149
    i8 9, label %B46.preheader.i149
  ]
B46.preheader.i149:
  %.5526.i150 = add nuw nsw i64 %.456.sink.i.fca.0.extract, 1
  %.6227.i151 = getelementptr i8, ptr %arg.text, i64 %.5526.i150
  %.6328.i152 = load i8, ptr %.6227.i151, align 1
  switch i8 %.6328.i152, label %B242.endif [
    i8 32, label %B46.backedge.preheader.i153
    i8 13, label %B46.backedge.preheader.i153
    i8 12, label %B46.backedge.preheader.i153
    i8 11, label %B46.backedge.preheader.i153
    i8 9, label %B46.backedge.preheader.i153
  ]
B46.backedge.preheader.i153:
  %2 = add i64 %.456.sink.i.fca.0.extract, 2
  br label %B46.backedge.i154
B46.backedge.i154:
  %lsr.iv.i155 = phi i64 [ %lsr.iv.next.i159, %B46.backedge.backedge.i158 ], [ %2, %B46.backedge.preheader.i153 ]
  %scevgep.i156 = getelementptr i8, ptr %arg.text, i64 %lsr.iv.i155
  %.63.i157 = load i8, ptr %scevgep.i156, align 1
  switch i8 %.63.i157, label %B242.endif [
    i8 32, label %B46.backedge.backedge.i158
    i8 13, label %B46.backedge.backedge.i158
    i8 12, label %B46.backedge.backedge.i158
    i8 11, label %B46.backedge.backedge.i158
    i8 9, label %B46.backedge.backedge.i158
  ]
B46.backedge.backedge.i158:
  %lsr.iv.next.i159 = add i64 %lsr.iv.i155, 1
  br label %B46.backedge.i154
B316:
  %.31.i = phi i8 [ %.733, %B620.endif.endif ], [ %.422, %B242.endif ]
  %stored.2.2 = phi i64 [ %.693, %B620.endif.endif ], [ %stored.3.1.ph, %B242.endif ]
  %width.2.2 = phi i64 [ %.13.i, %B620.endif.endif ], [ %width.3.1.ph, %B242.endif ]
  %place.11.2 = phi i64 [ %place.3.1.i177, %B620.endif.endif ], [ %place.3.1.i160, %B242.endif ]
  %.33.i = add i8 %.31.i, -48
  %.40.i = icmp ult i8 %.33.i, 10
  br i1 %.40.i, label %B110.endif.i, label %common.ret
B260.i:
  %.196.not.i = icmp slt i64 %place.2.1.i, %place.11.2
  %.479 = icmp eq i64 %.117.i, -1
  %or.cond186 = select i1 %.196.not.i, i1 true, i1 %.479
  br i1 %or.cond186, label %common.ret, label %B388
B110.endif.i:
  %lsr.iv.i162 = phi i64 [ %lsr.iv.next.i163, %B110.endif.i ], [ -1, %B316 ]
  %place.2.1.i = phi i64 [ %.117.i, %B110.endif.i ], [ %place.11.2, %B316 ]
  %number.2.1.i = phi i64 [ %.109.i, %B110.endif.i ], [ 0, %B316 ]
  %digit.2.1.i = phi i8 [ %.131.i, %B110.endif.i ], [ %.33.i, %B316 ]
  %.76.i = mul nsw i64 %number.2.1.i, 10
  %.108.i = zext i8 %digit.2.1.i to i64
  %.109.i = add nsw i64 %.76.i, %.108.i
  %.117.i = add nsw i64 %place.2.1.i, 1
  %sunkaddr.i = getelementptr i8, ptr %arg.text, i64 %place.2.1.i
  %sunkaddr4.i = getelementptr i8, ptr %sunkaddr.i, i64 1
  %.129.i = load i8, ptr %sunkaddr4.i, align 1
  %.131.i = add i8 %.129.i, -48
  %.138.i = icmp ult i8 %.131.i, 10
  %.165.i = icmp slt i64 %lsr.iv.i162, 8
  %or.cond.i = select i1 %.138.i, i1 %.165.i, i1 false
  %lsr.iv.next.i163 = add nsw i64 %lsr.iv.i162, 1
  br i1 %or.cond.i, label %B110.endif.i, label %B260.i
B388:
  %.486 = icmp ne i8 %.129.i, 58
  %.489 = icmp sgt i64 %.109.i, 2147483647
  %or.cond133 = select i1 %.486, i1 true, i1 %.489
  br i1 %or.cond133, label %common.ret, label %B458
B458:
  %.527 = add nsw i64 %place.2.1.i, 2
  store float 0.000000e+00, ptr %.531, align 8
  store i64 0, ptr %sunkaddr494, align 8
  call fastcc void @_number.loop.4(ptr %.531, ptr %arg.text, i64 %.527)
  %.545.fca.1.load = load i64, ptr %sunkaddr494, align 8
  %.545.fca.0.load = load float, ptr %.531, align 8
  %.561 = getelementptr float, ptr %arg.values_z, i64 %stored.2.2
  store float %.545.fca.0.load, ptr %.561, align 4
  %.567 = icmp eq i64 %.545.fca.1.load, -1
  br i1 %.567, label %common.ret, label %B530.endif.endif
B744:
  %stored.4.3 = phi i64 [ %stored.3.1.ph, %B242.endif ], [ %.693, %B620.endif.endif ]
  %width.4.3 = phi i64 [ %width.3.1.ph, %B242.endif ], [ %.13.i, %B620.endif.endif ]
  %place.12.3 = phi i64 [ %place.3.1.i160, %B242.endif ], [ %place.3.1.i177, %B620.endif.endif ]
  %.776 = add nuw nsw i64 %row.2.1.ph, 1
  %.783 = getelementptr i64, ptr %arg.starts_n, i64 %.776
  store i64 %stored.4.3, ptr %.783, align 8
  %.788 = add nsw i64 %place.12.3, 1
  %.794 = icmp slt i64 %.788, %arg.size
  br i1 %.794, label %B52.outer, label %B788.loopexit
B788.loopexit:
  %row.4.2.ph = phi i64 [ %row.2.1.ph, %B118 ], [ %.776, %B744 ]
  %width.6.2.ph = phi i64 [ %width.3.1.ph, %B118 ], [ %width.4.3, %B744 ]
  %weights.4.2.ph = phi i1 [ %weights.2.1.ph, %B118 ], [ %.256, %B744 ]
  %groups.4.2.ph = phi i1 [ %groups.2.1.ph, %B118 ], [ %.265, %B744 ]
  %3 = zext i1 %weights.4.2.ph to i64
  %4 = zext i1 %groups.4.2.ph to i64
  br label %B788
B788:
  %row.4.2 = phi i64 [ 0, %B0 ], [ %row.4.2.ph, %B788.loopexit ]
  %width.6.2 = phi i64 [ 0, %B0 ], [ %width.6.2.ph, %B788.loopexit ]
  %weights.4.2 = phi i64 [ 0, %B0 ], [ %3, %B788.loopexit ]
  %groups.4.2 = phi i64 [ 0, %B0 ], [ %4, %B788.loopexit ]
  store i64 %width.6.2, ptr %arg.found_3, align 8
  %.839 = getelementptr i8, ptr %arg.found_3, i64 8
  store i64 %weights.4.2, ptr %.839, align 8
  %.847 = getelementptr i8, ptr %arg.found_3, i64 16
  store i64 %groups.4.2, ptr %.847, align 8
  br label %common.ret
B52.endif:
  %.193 = phi i8 [ %.17.i, %B52 ], [ %.6328.i, %B46.preheader.i ], [ %.63.i, %B46.backedge.i ]
  %place.3.1.i = phi i64 [ %place.10.1, %B52 ], [ %.5526.i, %B46.preheader.i ], [ %lsr.iv.i, %B46.backedge.i ]
  %.195 = icmp eq i8 %.193, 10
  br i1 %.195, label %B118, label %B130
B242.endif:
  %.422 = phi i8 [ %.17.i148, %B242 ], [ %.6328.i152, %B46.preheader.i149 ], [ %.63.i157, %B46.backedge.i154 ]
  %place.3.1.i160 = phi i64 [ %.456.sink.i.fca.0.extract, %B242 ], [ %.5526.i150, %B46.preheader.i149 ], [ %lsr.iv.i155, %B46.backedge.i154 ]
  %.424.not = icmp eq i8 %.422, 10
  br i1 %.424.not, label %B744, label %B316
B530.endif.endif:
  %.572 = getelementptr i8, ptr %arg.text, i64 %.545.fca.1.load
  %.573 = load i8, ptr %.572, align 1
  switch i8 %.573, label %common.ret [
    i8 32, label %B620.endif
    i8 13, label %B620.endif
    i8 12, label %B620.endif
    i8 11, label %B620.endif
    i8 10, label %B620.endif
    i8 9, label %B620.endif
  ]
B620.endif:
  %.652 = trunc i64 %.109.i to i32
  %.653 = getelementptr i32, ptr %arg.columns_z, i64 %stored.2.2
  store i32 %.652, ptr %.653, align 4
  %.656 = add nsw i64 %.109.i, 1
  %.13.i = tail call i64 @llvm.smax.i64(i64 %.656, i64 %width.2.2)
  %.17.i165 = load i8, ptr %.572, align 1
  switch i8 %.17.i165, label %B620.endif.endif [
    i8 32, label %B46.preheader.i166
    i8 13, label %B46.preheader.i166
    i8 12, label %B46.preheader.i166
    i8 11, label %B46.preheader.i166
    i8 9, label %B46.preheader.i166
  ]
B46.preheader.i166:
  %.5526.i167 = add nuw nsw i64 %.545.fca.1.load, 1
  %.6227.i168 = getelementptr i8, ptr %arg.text, i64 %.5526.i167
  %.6328.i169 = load i8, ptr %.6227.i168, align 1
  switch i8 %.6328.i169, label %B620.endif.endif [
    i8 32, label %B46.backedge.preheader.i170
    i8 13, label %B46.backedge.preheader.i170
    i8 12, label %B46.backedge.preheader.i170
    i8 11, label %B46.backedge.preheader.i170
    i8 9, label %B46.backedge.preheader.i170
  ]
B46.backedge.preheader.i170:
  %5 = add i64 %.545.fca.1.load, 2
  br label %B46.backedge.i171
B46.backedge.i171:
  %lsr.iv.i172 = phi i64 [ %lsr.iv.next.i176, %B46.backedge.backedge.i175 ], [ %5, %B46.backedge.preheader.i170 ]
  %scevgep.i173 = getelementptr i8, ptr %arg.text, i64 %lsr.iv.i172
  %.63.i174 = load i8, ptr %scevgep.i173, align 1
  switch i8 %.63.i174, label %B620.endif.endif [
    i8 32, label %B46.backedge.backedge.i175
    i8 13, label %B46.backedge.backedge.i175
    i8 12, label %B46.backedge.backedge.i175
    i8 11, label %B46.backedge.backedge.i175
    i8 9, label %B46.backedge.backedge.i175
  ]
B46.backedge.backedge.i175:
  %lsr.iv.next.i176 = add i64 %lsr.iv.i172, 1
  br label %B46.backedge.i171
B620.endif.endif:
  %.733 = phi i8 [ %.17.i165, %B620.endif ], [ %.6328.i169, %B46.preheader.i166 ], [ %.63.i174, %B46.backedge.i171 ]
  %place.3.1.i177 = phi i64 [ %.545.fca.1.load, %B620.endif ], [ %.5526.i167, %B46.preheader.i166 ], [ %lsr.iv.i172, %B46.backedge.i171 ]
  %.693 = add nsw i64 %stored.2.2, 1
  %.735.not = icmp eq i8 %.733, 10
  br i1 %.735.not, label %B744, label %B316
}
define internal fastcc void @_number.loop.4(ptr %retptr, ptr %arg.text, i64 %arg.place) {
B0:
  %.12 = getelementptr i8, ptr %arg.text, i64 %arg.place
  %.13 = load i8, ptr %.12, align 1
  %.15 = icmp eq i8 %.13, 45
  %.30 = icmp eq i8 %.13, 43
  %or.cond = or i1 %.15, %.30
  %.33 = zext i1 %or.cond to i64
  %place.3.1 = add nsw i64 %arg.place, %.33
  %.28.i = getelementptr i8, ptr %arg.text, i64 %place.3.1
  %.29.i = load i8, ptr %.28.i, align 1
  %.31.i = add i8 %.29.i, -48
  %.37.i = icmp ult i8 %.31.i, 10
  br i1 %.37.i, label %B88.i, label %B86.endif
B88.i:
  %place.2.0.i = phi i64 [ %.101.i, %B210.i ], [ %place.3.1, %B0 ]
  %mantissa.2.0.i = phi i64 [ %mantissa.3.1.i, %B210.i ], [ 0, %B0 ]
  %dropped.2.0.i = phi i64 [ %dropped.3.1.i, %B210.i ], [ 0, %B0 ]
  %digit.2.0.i = phi i8 [ %.110.i, %B210.i ], [ %.31.i, %B0 ]
  %.49.i = icmp ult i64 %mantissa.2.0.i, 1000000000000000000
  br i1 %.49.i, label %B110.i, label %B200.i
B110.i:
  %.58.i = mul nuw i64 %mantissa.2.0.i, 10
  %.62.i = zext i8 %digit.2.0.i to i64
  %.65.i = add nuw i64 %.58.i, %.62.i
  br label %B210.i
B200.i:
  %.78.i = add nsw i64 %dropped.2.0.i, 1
  br label %B210.i
B210.i:
  %dropped.3.1.i = phi i64 [ %dropped.2.0.i, %B110.i ], [ %.78.i, %B200.i ]
  %mantissa.3.1.i = phi i64 [ %.65.i, %B110.i ], [ %mantissa.2.0.i, %B200.i ]
  %.101.i = add i64 %place.2.0.i, 1
  %sunkaddr = getelementptr i8, ptr %arg.text, i64 %place.2.0.i
  %sunkaddr12 = getelementptr i8, ptr %sunkaddr, i64 1
  %.108.i = load i8, ptr %sunkaddr12, align 1
  %.110.i = add i8 %.108.i, -48
  %.115.i = icmp ult i8 %.110.i, 10
  br i1 %.115.i, label %B88.i, label %B86.endif
B212:
  %.117 = add nsw i64 %place.3.1.i, 1
  %.28.i1 = getelementptr i8, ptr %arg.text, i64 %.117
  %.29.i2 = load i8, ptr %.28.i1, align 1
  %.31.i3 = add i8 %.29.i2, -48
  %.37.i4 = icmp ult i8 %.31.i3, 10
  br i1 %.37.i4, label %B88.i10, label %B212.endif
B88.i10:
  %place.2.0.i11 = phi i64 [ %.101.i21, %B210.i18 ], [ %.117, %B212 ]
  %mantissa.2.0.i12 = phi i64 [ %mantissa.3.1.i20, %B210.i18 ], [ %mantissa.4.1.i, %B212 ]
  %dropped.2.0.i13 = phi i64 [ %dropped.3.1.i19, %B210.i18 ], [ 0, %B212 ]
  %digit.2.0.i14 = phi i8 [ %.110.i25, %B210.i18 ], [ %.31.i3, %B212 ]
  %.49.i15 = icmp ult i64 %mantissa.2.0.i12, 1000000000000000000
  br i1 %.49.i15, label %B110.i27, label %B200.i16
B110.i27:
  %.58.i28 = mul nuw i64 %mantissa.2.0.i12, 10
  %.62.i29 = zext i8 %digit.2.0.i14 to i64
  %.65.i30 = add nuw i64 %.58.i28, %.62.i29
  br label %B210.i18
B200.i16:
  %.78.i17 = add nsw i64 %dropped.2.0.i13, 1
  br label %B210.i18
B210.i18:
  %dropped.3.1.i19 = phi i64 [ %dropped.2.0.i13, %B110.i27 ], [ %.78.i17, %B200.i16 ]
  %mantissa.3.1.i20 = phi i64 [ %.65.i30, %B110.i27 ], [ %mantissa.2.0.i12, %B200.i16 ]
  %.101.i21 = add i64 %place.2.0.i11, 1
  %sunkaddr13 = getelementptr i8, ptr %arg.text, i64 %place.2.0.i11
  %sunkaddr14 = getelementptr i8, ptr %sunkaddr13, i64 1
  %.108.i24 = load i8, ptr %sunkaddr14, align 1
  %.110.i25 = add i8 %.108.i24, -48
  %.115.i26 = icmp ult i8 %.110.i25, 10
  br i1 %.115.i26, label %B88.i10, label %B212.endif
B302:
  %mantissa.2.0 = phi i64 [ %mantissa.4.1.i6, %B212.endif ], [ %mantissa.4.1.i, %B86.endif ]
  %power.3.0 = phi i64 [ %.169, %B212.endif ], [ %dropped.4.1.i, %B86.endif ]
  %place.1.3.0 = phi i64 [ %place.3.1.i5, %B212.endif ], [ %place.3.1.i, %B86.endif ]
  %digits.2.0 = phi i64 [ %.161, %B212.endif ], [ %.101, %B86.endif ]
  %.192.not = icmp eq i64 %digits.2.0, 0
  br i1 %.192.not, label %B410, label %B306
B306:
  %.202 = getelementptr i8, ptr %arg.text, i64 %place.1.3.0
  %.203 = load i8, ptr %.202, align 1
  %0 = and i8 %.203, -33
  %.206 = icmp eq i8 %0, 69
  br i1 %.206, label %B356, label %B410
B356:
  %.210 = add nsw i64 %place.1.3.0, 1
  %.12.i = getelementptr i8, ptr %arg.text, i64 %.210
  %.13.i = load i8, ptr %.12.i, align 1
  %.15.i = icmp eq i8 %.13.i, 45
  %.30.i = icmp eq i8 %.13.i, 43
  %or.cond.i = or i1 %.15.i, %.30.i
  %.33.i = zext i1 %or.cond.i to i64
  %place.3.1.i32 = add nsw i64 %.210, %.33.i
  %.61.i = getelementptr i8, ptr %arg.text, i64 %place.3.1.i32
  %.62.i33 = load i8, ptr %.61.i, align 1
  %.66.i = add i8 %.62.i33, -48
  %.72.i = icmp ult i8 %.66.i, 10
  br i1 %.72.i, label %B174.endif.endif.i, label %B356.endif
B174.endif.endif.i:
  %place.4.0.i = phi i64 [ %.138.i, %B174.endif.endif.i ], [ %place.3.1.i32, %B356 ]
  %power.2.0.i = phi i64 [ %.13.i.i, %B174.endif.endif.i ], [ 0, %B356 ]
  %digit.2.0.i34 = phi i8 [ %.147.i, %B174.endif.endif.i ], [ %.66.i, %B356 ]
  %.75.i = mul nsw i64 %power.2.0.i, 10
  %.103.i = zext i8 %digit.2.0.i34 to i64
  %.104.i = add nsw i64 %.75.i, %.103.i
  %.13.i.i = tail call i64 @llvm.smin.i64(i64 %.104.i, i64 10000)
  %.138.i = add i64 %place.4.0.i, 1
  %sunkaddr18 = getelementptr i8, ptr %arg.text, i64 %place.4.0.i
  %sunkaddr19 = getelementptr i8, ptr %sunkaddr18, i64 1
  %.145.i = load i8, ptr %sunkaddr19, align 1
  %.147.i = add i8 %.145.i, -48
  %.152.i = icmp ult i8 %.147.i, 10
  br i1 %.152.i, label %B174.endif.endif.i, label %B356.endif
B410:
  %power.4.0 = phi i64 [ %.251, %B356.endif ], [ %power.3.0, %B306 ], [ %power.3.0, %B302 ]
  %place.1.4.0 = phi i64 [ %"$phi384.1.2.0.i", %B356.endif ], [ %place.1.3.0, %B306 ], [ %place.1.3.0, %B302 ]
  %.11.i = uitofp i64 %mantissa.2.0 to double
  %.13.i36 = icmp eq i64 %mantissa.2.0, 0
  br i1 %.13.i36, label %B410.endif, label %B20.i
B20.i:
  %1 = add i64 %power.4.0, -61
  %or.cond.i37 = icmp ult i64 %1, -121
  br i1 %or.cond.i37, label %common.ret, label %B90.i
B90.i:
  %.35.i = icmp slt i64 %power.4.0, 0
  br i1 %.35.i, label %B102.i, label %B136.i
B102.i:
  %.64.i = sub nsw i64 0, %power.4.0
  %.92.i = getelementptr double, ptr @.const.array.data.2.5, i64 %.64.i
  %.93.i = load double, ptr %.92.i, align 8
  %.102.i = fdiv double %.11.i, %.93.i
  br label %B166.i
B136.i:
  %.161.i = getelementptr double, ptr @.const.array.data.2.5, i64 %power.4.0
  %.162.i = load double, ptr %.161.i, align 8
  %.168.i = fmul double %.162.i, %.11.i
  br label %B166.i
B166.i:
  %"$phi166.0.2.0.i" = phi double [ %.102.i, %B102.i ], [ %.168.i, %B136.i ]
  %.179.i = fcmp oge double %"$phi166.0.2.0.i", 0x3810000000000000
  %.186.i = fcmp olt double %"$phi166.0.2.0.i", 0x47EFFFFFF0000000
  %or.cond84.i = and i1 %.179.i, %.186.i
  br i1 %or.cond84.i, label %B242.endif.i, label %common.ret
B348.i:
  %.244.i = icmp ult i64 %mantissa.2.0, 9007199254740993
  %2 = add nsw i64 %power.4.0, 12
  %3 = icmp ult i64 %2, 13
  %or.cond86.i = select i1 %.244.i, i1 %3, i1 false
  br i1 %or.cond86.i, label %B418.i, label %common.ret
B418.i:
  %.310.i = sub nsw i64 0, %power.4.0
  %.340.i = getelementptr double, ptr @.const.array.data.2.5, i64 %.310.i
  %.341.i = load double, ptr %.340.i, align 8
  %.346.i = fmul double %"$phi166.0.2.0.i", %.341.i
  %.349.i = fcmp une double %.346.i, %.11.i
  br i1 %.349.i, label %common.ret, label %B410.endif
B242.endif.i:
  %4 = bitcast double %"$phi166.0.2.0.i" to i64
  %.236.i = and i64 %4, 536870911
  %5 = tail call { i64, i1 } @llvm.usub.with.overflow.i64(i64 %.236.i, i64 268435456)
  %math.i = extractvalue { i64, i1 } %5, 0
  %ov.i = extractvalue { i64, i1 } %5, 1
  %.239.i = sub nsw i64 268435456, %.236.i
  %.240.i = select i1 %ov.i, i64 %.239.i, i64 %math.i
  %.241.i = icmp ult i64 %.240.i, 9
  br i1 %.241.i, label %B348.i, label %B410.endif
common.ret:
  %storemerge = phi { float, i64 } [ %.371, %B548 ], [ { float 0.000000e+00, i64 -1 }, %B418.i ], [ { float 0.000000e+00, i64 -1 }, %B348.i ], [ { float 0.000000e+00, i64 -1 }, %B20.i ], [ { float 0.000000e+00, i64 -1 }, %B166.i ], [ { float 0.000000e+00, i64 -1 }, %B410.endif ]
  store { float, i64 } %storemerge, ptr %retptr, align 8
  ret void
B548:
  %.350 = fneg double %"$phi166.0.2.0.sink.i"
  %"$phi582.2.2.0" = select i1 %.15, double %.350, double %"$phi166.0.2.0.sink.i"
  %.364 = fptrunc double %"$phi582.2.2.0" to float
  %.370 = insertvalue { float, i64 } undef, float %.364, 0
  %.371 = insertvalue { float, i64 } %.370, i64 %place.1.4.0, 1
  br label %common.ret
B86.endif:
  %.112 = phi i8 [ %.29.i, %B0 ], [ %.108.i, %B210.i ]
  %place.3.1.i = phi i64 [ %place.3.1, %B0 ], [ %.101.i, %B210.i ]
  %mantissa.4.1.i = phi i64 [ 0, %B0 ], [ %mantissa.3.1.i, %B210.i ]
  %dropped.4.1.i = phi i64 [ 0, %B0 ], [ %dropped.3.1.i, %B210.i ]
  %.101 = sub nsw i64 %place.3.1.i, %place.3.1
  %.114 = icmp eq i8 %.112, 46
  br i1 %.114, label %B212, label %B302
B212.endif:
  %place.3.1.i5 = phi i64 [ %.117, %B212 ], [ %.101.i21, %B210.i18 ]
  %mantissa.4.1.i6 = phi i64 [ %mantissa.4.1.i, %B212 ], [ %mantissa.3.1.i20, %B210.i18 ]
  %dropped.4.1.i7 = phi i64 [ 0, %B212 ], [ %dropped.3.1.i19, %B210.i18 ]
  %.159 = sub nsw i64 %place.3.1.i5, %.117
  %.161 = add nsw i64 %.159, %.101
  %.167.neg = sub i64 %dropped.4.1.i, %.159
  %.169 = add i64 %.167.neg, %dropped.4.1.i7
  br label %B302
B356.endif:
  %place.5.1.i = phi i64 [ %place.3.1.i32, %B356 ], [ %.138.i, %B174.endif.endif.i ]
  %power.3.1.i = phi i64 [ 0, %B356 ], [ %.13.i.i, %B174.endif.endif.i ]
  %.167.i = sub i64 0, %power.3.1.i
  %spec.select.i = select i1 %.15.i, i64 %.167.i, i64 %power.3.1.i
  %.182.i = icmp sgt i64 %place.5.1.i, %place.3.1.i32
  %"$phi384.1.2.0.i" = select i1 %.182.i, i64 %place.5.1.i, i64 -1
  %.251 = add nsw i64 %spec.select.i, %power.3.0
  br label %B410
B410.endif:
  %"$phi166.0.2.0.sink.i" = phi double [ 0.000000e+00, %B410 ], [ %"$phi166.0.2.0.i", %B242.endif.i ], [ %"$phi166.0.2.0.i", %B418.i ]
  br i1 %.192.not, label %common.ret, label %B548
}
declare i64 @llvm.smax.i64(i64, i64)
